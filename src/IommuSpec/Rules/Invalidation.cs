using System.Collections.Immutable;

namespace IommuSpec.Rules;

/// <summary>INV at the software level: how long an answer that was right may be used. Commands of the hardware are in <see cref="Caching"/>.</summary>
public static class Invalidation
{
    // INV-1  A device access uses any answer that was right at some time since the last invalidation covering the address.
    [Rule(RuleId.Inv1, "stale answers are allowed until a covering invalidation",
        Source = "VT-d 6; RISC-V IOMMU, Caching in-memory data structures; Arm IHI0070 3.21")]
    public static IEnumerable<(Mapping? Then, RuleId Rule)> MayAnswer(Domain domain, ulong iova)
    {
        foreach (Past past in domain.Lingering)
        {
            if (past.Range.Contains(iova))
                yield return (past.Then, past.Then is null ? RuleId.Inv3 : RuleId.Inv1);
        }
    }

    // INV-2  An invalidation ends every earlier answer inside its range, and only there: what sticks out of the range lingers on.
    [Rule(RuleId.Inv2, "a covering invalidation ends stale answers in its range",
        Source = "Linux iommu_iotlb_sync, iommu_flush_iotlb_all; VT-d 6.5, IOTLB invalidate")]
    public static Domain End(Domain domain, AddressRange range)
    {
        if (domain.Lingering.IsEmpty)
            return domain;
        ImmutableArray<Past>.Builder left = ImmutableArray.CreateBuilder<Past>();
        foreach (Past past in domain.Lingering)
        {
            if (!past.Range.Overlaps(range))
                left.Add(past);
            if (past.Range.Overlaps(range) && past.Range.First < range.First)
                left.Add(past with { Range = new(past.Range.First, range.First - 1) });
            if (past.Range.Overlaps(range) && past.Range.Last > range.Last)
                left.Add(past with { Range = new(range.Last + 1, past.Range.Last) });
        }
        return domain with { Lingering = left.ToImmutable() };
    }

    // INV-3  That nothing was mapped is remembered only where the platform caches absence.
    [Rule(RuleId.Inv3, "absence lingers only where the platform caches it, so elsewhere a new mapping is seen at once",
        Source = "VT-d 6.1, CAP.CM; RISC-V IOMMU: entries with V=0 are not cached; Arm IHI0070 3.21")]
    public static Domain AbsenceLingers(State state, Domain domain, AddressRange range) =>
        state.Platform.CachingMode ? domain.Linger(new(range, null)) : domain;

    // INV-4  An invalidation of nothing, beyond the end of the space or off the granule is refused.
    [Rule(RuleId.Inv4, "an invalidation of nothing, beyond the end of the space or off the granule is refused",
        Source = "Linux iommu_iotlb_gather: start and inclusive end in whole pages")]
    public static Allowed Range(State state, Op.Invalidate op)
    {
        Refusal? why = op.Length == 0 ? Refusal.Empty
            : AddressRange.Wraps(op.Iova, op.Length) ? Refusal.Wraps
            : ((op.Iova | op.Length) & (Platform.Granule - 1)) != 0 ? Refusal.Misaligned
            : null;
        return why is { } refusal
            ? Allowed.Refused(state, refusal, RuleId.Inv4)
            : Done(state.With(op.Domain, End(state.Domain(op.Domain), AddressRange.Of(op.Iova, op.Length))));
    }

    public static Allowed WholeDomain(State state, Op.InvalidateDomain op) =>
        Done(state.With(op.Domain, state.Domain(op.Domain) with { Lingering = [] }));

    public static Allowed All(State state) =>
        Done(state.Domains.Entries.Aggregate(state, (left, domain) => left.With((int)domain.Number, domain.Value with { Lingering = [] })));

    private static Allowed Done(State next) => Allowed.Only(Observation.Done.Instance, next, RuleId.Inv2);
}
