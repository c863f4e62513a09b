using System.Collections.Immutable;

namespace IommuSpec.Rules;

/// <summary>MAP: what map and look-up promise. The checks of each programming interface stand in <see cref="MapChecks"/>, unmap in <see cref="Unmapping"/>.</summary>
public static class MappingRules
{
    // MAP-1  A granted map makes exactly its range translate to exactly its physical range.
    [Rule(RuleId.Map1, "a granted map makes exactly its range translate, to exactly its physical range",
        Source = "Linux iommu_map, drivers/iommu/iommu.c; generic_pt/iommu_pt.h")]
    public static Allowed Map(State state, Op.Map op)
    {
        if (MapChecks.Of(state, op) is var (why, rule))
            return MapChecks.IsFoundWhileWalking(state.Platform, why)
                ? Injection.OrNoMemory(state, Allowed.Refused(state, why, rule))
                : Allowed.Refused(state, why, rule);
        AddressRange range = AddressRange.Of(op.Iova, op.Length);
        Domain domain = state.Domain(op.Domain).Insert(new(range, op.Physical, op.Rights));
        State next = state.With(op.Domain, Invalidation.AbsenceLingers(state, domain, range));
        return Injection.OrNoMemory(state, Allowed.Only(Observation.Done.Instance, next, RuleId.Map1));
    }

    // MAP-2  Where a format has no write-only pages, a write-only mapping is readable too; otherwise devices get just what was asked for.
    [Rule(RuleId.Map2, "a mapping grants the rights asked for, and read with write where the platform has no write-only",
        Source = "VT-d 9.8; Linux generic_pt/fmt/x86_64.h; VT-d second stage before Linux 7: write-only becomes read and write")]
    public static Rights Granted(Platform platform, Rights asked) =>
        asked.HasFlag(Rights.Write) && (platform.WidenWriteOnly || platform.Format == TableFormat.X86FirstStage)
            ? asked | Rights.Read
            : asked;

    // MAP-13  Look-up reads the tables in memory, not the caches, and keeps the offset inside the page.
    [Rule(RuleId.Map13, "a look-up answers what the tables say now, offset inside the page included",
        Source = "Linux iommu_iova_to_phys, drivers/iommu/iommu.c")]
    public static Allowed Lookup(State state, Op.Lookup op) =>
        state.Domain(op.Domain).At(op.Iova) is { } mapping
            ? Allowed.Only(new Observation.Found(mapping.At(op.Iova)), state, RuleId.Map13)
            : Allowed.Refused(state, Refusal.NotMapped, RuleId.Map13);

    // MAP-14  A domain is freed only when no device translates through it; everything it mapped is gone and nothing lingers.
    [Rule(RuleId.Map14, "a domain without devices can be freed, and nothing of it is left, in caches either",
        Source = "Linux iommu_domain_free, drivers/iommu/iommu.c; Xen XSA-399: an id is reused only after its entries are invalidated")]
    public static Allowed Free(State state, Op.FreeDomain op) =>
        state.Attachments.Entries.Any(device => device.Value == Attachment.To(op.Domain))
            ? Allowed.Refused(state, Refusal.Busy, RuleId.Map14)
            : Allowed.Only(Observation.Done.Instance, state.With(op.Domain, Domain.Empty), RuleId.Map14);

    // MAP-15  An audit finds exactly what is mapped and attached, and no page table where nothing is mapped and nothing lingers.
    [Rule(RuleId.Map15, "an audit finds what is mapped and attached, and no page table that nothing needs",
        Source = "Linux generic_pt/iommu_pt.h: emptied tables travel in the gather's free list until the range is invalidated")]
    public static Allowed Audit(State state)
    {
        ulong mapped = 0;
        bool needsTables = !state.Platform.ReclaimTables;
        foreach ((_, Domain domain) in state.Domains.Entries)
        {
            mapped += domain.MappedBytes();
            needsTables |= !domain.Mapped.IsEmpty || domain.Lingering.Any(past => past.Then is not null);
        }
        int attached = state.Attachments.Entries.Count(device => device.Value.Kind != AttachmentKind.None);
        return new Allowed.Holding(new(mapped, attached, 0), needsTables, state);
    }
}
