using IommuSpec;

namespace IommuHarness.Generate;

/// <summary>Operations without arguments, made once.</summary>
internal static class Fixed
{
    internal static readonly Op InvalidateAll = new Op.InvalidateAll();
    internal static readonly Op DrainFaults = new Op.DrainFaults();
    internal static readonly Op Audit = new Op.Audit();
    internal static readonly Op TranslationOn = new Op.SetTranslation(true);
    internal static readonly Op FlushAllContexts = new Op.FlushContexts(FlushGranularity.Global, 0, 0, 0);
    internal static readonly Op FlushWholeIotlb = new Op.FlushIotlb(FlushGranularity.Global, 0, 0, 0, false);
}

/// <summary>Any operation of the language with any arguments: nonsense is legal, and specified.</summary>
internal static class Wild
{
    /// <summary>How many kinds of operation there are.</summary>
    internal const int KindCount = 23;

    internal static void Say(Draft draft) => draft.Add(Any(draft));

    private static Op Any(Draft draft)
    {
        Choices choices = draft.Choices;
        return choices.Below(KindCount) switch
        {
            0 => new Op.Attach(Device(draft), Domain(draft)),
            1 => new Op.AttachIdentity(Device(draft)),
            2 => new Op.Detach(Device(draft)),
            3 => AnyMap(draft),
            4 => new Op.Unmap(Domain(draft), Address(draft), Length(choices)),
            5 => new Op.UnmapAll(Domain(draft)),
            6 => new Op.Lookup(Domain(draft), draft.AnyAddress()),
            7 => new Op.Invalidate(Domain(draft), Address(draft), Length(choices)),
            8 => new Op.InvalidateDomain(Domain(draft)),
            9 => Fixed.InvalidateAll,
            10 => new Op.FreeDomain(Domain(draft)),
            11 => new Op.Access(Device(draft), draft.AnyKind(), draft.AnyAddress(), Places.AccessLength(choices)),
            12 => new Op.Poke(draft.AnyAddress() & ~7UL, choices.OneIn(2) ? choices.Next() : Address(draft) | choices.Bits(3)),
            13 => new Op.Peek(draft.AnyAddress() & ~7UL),
            14 => new Op.Program(Device(draft), Address(draft), DomainId(choices)),
            15 => new Op.Unprogram(Device(draft)),
            16 => new Op.SetRootTable(Address(draft)),
            17 => new Op.SetTranslation(choices.OneIn(2)),
            18 => AnyContextFlush(draft),
            19 => AnyIotlbFlush(draft),
            20 => Fixed.DrainFaults,
            21 => new Op.FailNext(choices.Below(6)),
            _ => Fixed.Audit,
        };
    }

    /// <summary>An id, with others that it collides with when it is cut to eight or fewer bits.</summary>
    internal static ushort DomainId(Choices choices) =>
        choices.Pick<ushort>([1, 1, 2, 3, 0x101, 0x8001, 0x11, 0, 0xffff]);

    /// <summary>A context-cache command; fields that its granularity does not use are 0.</summary>
    internal static Op AnyContextFlush(Draft draft) => draft.Choices.Below(3) switch
    {
        0 => Fixed.FlushAllContexts,
        1 => new Op.FlushContexts(FlushGranularity.Domain, DomainId(draft.Choices), 0, 0),
        _ => new Op.FlushContexts(FlushGranularity.Selective, DomainId(draft.Choices), Device(draft), draft.Choices.Below(4)),
    };

    /// <summary>An IOTLB command; fields that its granularity does not use are 0.</summary>
    internal static Op AnyIotlbFlush(Draft draft) => draft.Choices.Below(3) switch
    {
        0 => Fixed.FlushWholeIotlb,
        1 => new Op.FlushIotlb(FlushGranularity.Domain, DomainId(draft.Choices), 0, 0, false),
        _ => new Op.FlushIotlb(
            FlushGranularity.Selective, DomainId(draft.Choices), Address(draft), PagesLg2(draft.Choices), draft.Choices.OneIn(3)),
    };

    private static Op.Map AnyMap(Draft draft)
    {
        ulong length = Length(draft.Choices);
        // long ones only misaligned: an aligned one could be valid and cost a great many leaves
        ulong skew = length > 1UL << 22 || draft.Choices.OneIn(3) ? 1UL : 0;
        return new(Domain(draft), Address(draft) | skew, length, draft.Places.Physical(draft.Choices, length), (Rights)draft.Choices.Below(64));
    }

    private static int PagesLg2(Choices choices) => choices.OneIn(4) ? choices.Pick<int>([17, 18, 19, 20, 52, 63]) : choices.Below(12);

    private static int Device(Draft draft) =>
        draft.Choices.OneIn(12) ? draft.Choices.Below(draft.Platform.DeviceCount) : draft.DeviceSlot(draft.AnyDevice());

    private static int Domain(Draft draft) =>
        draft.Choices.OneIn(12) ? draft.Choices.Below(Platform.SlotCount) : draft.DomainSlot(draft.AnyDomain());

    private static ulong Address(Draft draft) =>
        draft.Choices.OneIn(4) ? draft.AnyAddress() : draft.AnyAddress() & ~(Platform.Granule - 1);

    private static ulong Length(Choices choices) => choices.OneIn(3) ? Places.Length(choices) : Places.OddLength(choices);
}
