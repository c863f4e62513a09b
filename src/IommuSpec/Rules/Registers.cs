using IommuSpec.Formats;

namespace IommuSpec.Rules;

/// <summary>The hardware level's own operations: memory, registers, commands. Answers to accesses are in <see cref="HardwareAccess"/>.</summary>
public static class Registers
{
    // CTX-10  Words are stored and loaded at multiples of 8 inside physical memory, tables begin at multiples of a granule inside it, and a
    //         command's operands keep to their fields; anything else is refused.
    [Rule(RuleId.Ctx10, "memory, root pointers and commands outside their alignment, width or range are refused without effect",
        Source = "VT-d RTADDR_REG; 6.5 descriptors: FM 49:48, AM up to CAP.MAMV, beyond which a page-selective command is an error")]
    private static Refusal? BadAddress(State state, ulong physical, ulong alignment) =>
        physical % alignment != 0 ? Refusal.Misaligned
        : physical > Bits.Mask(state.Platform.PhysicalBits) ? Refusal.TooWide
        : null;

    private static Refusal? BadWord(State state, ulong physical) =>
        BadAddress(state, physical, 8) ?? (state.Platform.HasMemory(physical) ? null : Refusal.TooWide);

    /// <summary>The largest block of a page-selective invalidation: 2^18 pages. Source: VT-d CAP.MAMV, declared.</summary>
    public const int LargestBlockLg2Pages = 18;

    public static Allowed Poke(State state, Op.Poke op) =>
        BadWord(state, op.Physical) is { } why ? Refused(state, why) : Done(state, state.Hardware.Store(op.Physical, op.Value));

    // What hardware may have set is seen now, one way or the other.
    public static Allowed Peek(State state, Op.Peek op)
    {
        if (BadWord(state, op.Physical) is { } why)
            return Refused(state, why);
        Word word = state.Hardware.Read(op.Physical);
        return word.Maybe == 0
            ? Allowed.Only(new Observation.Word(word.Value), state, RuleId.Wlk6)
            : new Allowed.OneOf(Seen(word.Value), [.. Subsets(word.Maybe).Skip(1).Select(set => Seen(word.Value | set))]);

        Way Seen(ulong value) => new(
            new Observation.Word(value),
            state with { Hardware = state.Hardware with { Memory = state.Hardware.Memory.With(op.Physical, word with { Value = value, Maybe = 0 }) } },
            RuleId.Wlk6);
    }

    private static IEnumerable<ulong> Subsets(ulong mask)
    {
        ulong subset = 0;
        do
        {
            yield return subset;
            subset = unchecked(subset - mask) & mask;
        }
        while (subset != 0);
    }

    public static Allowed Program(State state, Op.Program op) =>
        BadAddress(state, op.Root, Platform.Granule) is { } why
            ? Refused(state, why)
            : Done(state, state.Hardware.With(op.Device, new(true, op.Root, op.DomainId)), RuleId.Ctx8);

    public static Allowed Unprogram(State state, Op.Unprogram op) => Done(state, state.Hardware.With(op.Device, default(Programmed)), RuleId.Ctx8);

    public static Allowed SetRootTable(State state, Op.SetRootTable op) =>
        BadAddress(state, op.Physical, Platform.Granule) is { } why
            ? Refused(state, why)
            : Done(state, state.Hardware.StoreRootTable(op.Physical));

    public static Allowed SetTranslation(State state, Op.SetTranslation op) => Done(state, state.Hardware with { Translating = op.On }, RuleId.Ctx4);

    public static Allowed FlushContexts(State state, Op.FlushContexts op) =>
        op.FunctionMask is < 0 or > 3
            ? Refused(state, Refusal.OutOfRange)
            : Done(state, state.Hardware.Flush(op), RuleId.Ctx9);

    public static Allowed FlushIotlb(State state, Op.FlushIotlb op) =>
        op.SizeLg2Pages is < 0 or > LargestBlockLg2Pages
            ? Refused(state, Refusal.OutOfRange)
            : Done(state, state.Hardware.Flush(op), RuleId.Inv7);

    /// <summary>An operation that belongs to the other level.</summary>
    public static Allowed NotHere(State state) => Refused(state, Refusal.NotHere);

    private static Allowed Refused(State state, Refusal why) => Allowed.Refused(state, why, RuleId.Ctx10);

    private static Allowed Done(State state, Hardware next, RuleId rule = RuleId.Ctx10) =>
        Allowed.Only(Observation.Done.Instance, state with { Hardware = next }, rule);
}
