using System.Collections.Immutable;
using IommuSpec.Formats;

namespace IommuSpec.Rules;

/// <summary>TRN: what a device's access becomes.</summary>
public static class Translation
{
    /// <summary>Writes to it are interrupt requests; translations into it are blocked. Source: VT-d 3.14; format of interrupt requests.</summary>
    public static readonly AddressRange InterruptWindow = new(0xfee0_0000, 0xfeef_ffff);

    // TRN-1  An access of nothing, beyond the end of the space or longer than a device makes is refused, and nothing moves.
    [Rule(RuleId.Trn1, "an access of no bytes, past the end of the space or of more than 16 granules is refused",
        Source = "PCIe: a request neither crosses 4 KiB nor wraps; the bound is this language's")]
    public static Allowed Access(State state, Op.Access op)
    {
        Refusal? why = op.Length == 0 ? Refusal.Empty
            : AddressRange.Wraps(op.Iova, op.Length) ? Refusal.Wraps
            : op.Length > Platform.LongestAccess ? Refusal.TooLong
            : null;
        return why is { } refusal ? Allowed.Refused(state, refusal, RuleId.Trn1) : Pieces(state, op);
    }

    // TRN-2  An access is split at granule boundaries; every piece is tried for itself, upwards, whatever became of the others.
    [Rule(RuleId.Trn2, "an access is split at granule boundaries and each piece is translated for itself",
        Source = "PCIe: a request does not cross 4 KiB; Cloud Hypervisor: translating only the first byte of a buffer is a bug")]
    private static AllowedPieces Pieces(State state, Op.Access op)
    {
        AddressRange whole = AddressRange.Of(op.Iova, op.Length);
        ImmutableArray<RememberedContext> contexts = HardwareAccess.Contexts(state, op.Device);
        int count = (int)((whole.Last / Platform.Granule) - (whole.First / Platform.Granule) + 1);
        ImmutableArray<PieceAnswers>.Builder pieces = ImmutableArray.CreateBuilder<PieceAnswers>(count);
        for (ulong first = whole.First; ;)
        {
            AddressRange piece = AddressRange.Block(first, Platform.GranuleLg2).Intersect(whole);
            (Answer plain, IEnumerable<Answer> others) = Answers(state, op, contexts, first);
            pieces.Add(new(first, (int)piece.Length, plain, others, state.Platform.OutcomeReasons));
            if (piece.Last == whole.Last)
                break;
            first = piece.Last + 1;
        }
        return new(HardwareAccess.Remember(state, contexts), op.Device, op.Kind, pieces.MoveToImmutable(), HardwareAccess.MayBeSuppressed(contexts));
    }

    private static (Answer Plain, IEnumerable<Answer> Others) Answers(State state, Op.Access op, ImmutableArray<RememberedContext> contexts, ulong iova) =>
        IsInterrupt(iova, op.Kind) ? (new(Outcome.Interrupt, RuleId.Trn6), [])
        : IsIllegal(state, iova) ? (new(Outcome.Nowhere, RuleId.Trn6), [])
        : state.Platform.Contexts == ContextMode.Software ? BySoftware(state, op.Device, iova, op.Kind)
        : HardwareAccess.Answers(state, contexts, iova, op.Kind);

    private static (Answer Plain, IEnumerable<Answer> Others) BySoftware(State state, int device, ulong iova, AccessKind kind)
    {
        Attachment attachment = state.Attachment(device);
        return attachment.Kind switch
        {
            AttachmentKind.None => (DeviceContext.Blocked, []),
            AttachmentKind.Identity => (DeviceContext.Identity(state, iova, state.Platform.PhysicalBits, RuleId.Ctx2), []),
            _ => ByDomain(state, state.Domain(attachment.Domain), iova, kind),
        };
    }

    private static (Answer Plain, IEnumerable<Answer> Others) ByDomain(State state, Domain domain, ulong iova, AccessKind kind)
    {
        if (OutsideInput(state, state.Platform.LevelCount, iova) is { } outside)
            return (outside, []);
        Answer plain = From(state, domain.At(iova), iova, kind);
        return (plain, domain.Lingering.IsEmpty ? [] : Stale(state, domain, iova, kind, plain));
    }

    /// <summary>What lingers makes of an access, where that is something else.</summary>
    private static IEnumerable<Answer> Stale(State state, Domain domain, ulong iova, AccessKind kind, Answer plain)
    {
        foreach ((Mapping? then, RuleId rule) in Invalidation.MayAnswer(domain, iova))
        {
            Answer stale = From(state, then, iova, kind);
            if (stale.Outcome != plain.Outcome)
                yield return stale with { Rule = rule, Rules = RuleSet.Of(rule) };
        }
    }

    /// <summary>What one answer of a domain makes of an access.</summary>
    private static Answer From(State state, Mapping? mapping, ulong iova, AccessKind kind) =>
        mapping is null ? NotMapped(state, kind) : ByGrant(Permitted(state, mapping, iova, kind), mapping, kind);

    private static Answer Permitted(State state, Mapping mapping, ulong iova, AccessKind kind) =>
        !MappingRules.Granted(state.Platform, mapping.Rights).HasFlag(kind == AccessKind.Write ? Rights.Write : Rights.Read) ? NotPermitted(state, kind)
        : Lands(state, mapping.At(iova), RuleId.Trn3);

    // Whether a write-only mapping can be read is MAP-2's to say, one way or the other.
    private static Answer ByGrant(Answer answer, Mapping mapping, AccessKind kind) =>
        kind == AccessKind.Read && !mapping.Rights.HasFlag(Rights.Read)
            ? answer with { Rule = RuleId.Map2, Rules = answer.Rules | RuleId.Map2 }
            : answer;

    // TRN-3  A mapped byte lands at its mapping's physical address plus its offset.
    [Rule(RuleId.Trn3, "a mapped byte lands at its mapping's physical address plus its offset",
        Source = "VT-d 3.7: the low bits of the leaf's address are replaced, not added to")]
    public static Answer Lands(State state, ulong physical, RuleId rule) =>
        IntoWindow(state, physical) ?? Reaches(state, physical, rule);

    // TRN-3  Where no memory answers, an access that was translated is not performed, which is no fault of translation.
    [Rule(RuleId.Trn3, "an access translated to an address without memory is not performed, and nothing is recorded",
        Source = "PCIe: an unclaimed request is completed as unsupported; VT-d 7.1 lists no such fault")]
    public static Answer Reaches(State state, ulong physical, RuleId rule) =>
        state.Platform.HasMemory(physical) ? new(Outcome.Landed(physical), rule) : new(Outcome.Nowhere, RuleId.Trn3);

    // TRN-4  A byte that nothing maps is not reached.
    [Rule(RuleId.Trn4, "an access to an unmapped byte faults",
        Source = "VT-d 7.1.3: second stage LGN.2 and LGN.3, first stage SFL.2")]
    private static Answer NotMapped(State state, AccessKind kind) => new(Outcome.Faulted(state.Format.NotMapped(kind)), RuleId.Trn4);

    // TRN-5  A read needs the right to read, a write the right to write.
    [Rule(RuleId.Trn5, "an access without the right faults with the right's own reason",
        Source = "VT-d 7.1.3: LGN.2 write, LGN.3 read, SGN.6 first-stage write")]
    private static Answer NotPermitted(State state, AccessKind kind) => new(Outcome.Faulted(state.Format.NotPermitted(kind)), RuleId.Trn5);

    // TRN-6  A write into the interrupt window is an interrupt request: not translated, not a memory access, whatever the tables say.
    [Rule(RuleId.Trn6, "a write to 0xfee00000-0xfeefffff is an interrupt request and is never translated",
        Source = "VT-d 3.14; requests without PASID")]
    private static bool IsInterrupt(ulong iova, AccessKind kind) => kind == AccessKind.Write && InterruptWindow.Contains(iova);

    // TRN-6  Where the platform says so, a read from the interrupt window is not performed, whatever the tables say.
    [Rule(RuleId.Trn6, "where reads from the interrupt window are blocked they are not performed, whatever the tables say",
        Source = "VT-d 3.14: requests to the interrupt address range are never remapped, and others than writes of a double word are blocked")]
    private static bool IsIllegal(State state, ulong iova) => state.Platform.WindowReadsBlocked && InterruptWindow.Contains(iova);

    // TRN-7  No translation reaches the interrupt window.
    [Rule(RuleId.Trn7, "an access whose translation lies in the interrupt window faults",
        Source = "VT-d 3.14: LGN.4, SGN.8; QEMU bug: translation into the interrupt address range not blocked")]
    private static Answer? IntoWindow(State state, ulong physical) =>
        InterruptWindow.Contains(physical) ? new(Outcome.Faulted(state.Format.OutputInWindow), RuleId.Trn7) : null;

    // TRN-7  Where the platform says so, what counts is whether the page that the translation is in overlaps the window.
    [Rule(RuleId.Trn7, "where a platform declares it, an access by a page that overlaps the interrupt window faults wherever in the page it is",
        Source = "a deviation from VT-d 3.14 that is declared of QEMU: vtd_iova_to_slpte, vtd_iova_to_flpte")]
    public static Answer? PageInWindow(State state, int level, ulong physical) =>
        state.Platform.WindowStopsPages && InterruptWindow.Overlaps(AddressRange.Block(physical, PageTableFormat.SpanLg2(level)))
            ? new(Outcome.Faulted(state.Format.OutputInWindow), RuleId.Trn7)
            : null;

    // TRN-8  An address outside the input range of the tables faults before any entry is read.
    [Rule(RuleId.Trn8, "an address beyond the input width, or not canonical, faults",
        Source = "VT-d 3.6, 3.7: LGN.1, SGN.1")]
    public static Answer? OutsideInput(State state, int levelCount, ulong iova) =>
        state.Format.InRange(levelCount, iova) ? null : new(Outcome.Faulted(state.Format.OutOfInputRange), RuleId.Trn8);
}
