using System.Collections.Immutable;

namespace IommuSpec.Rules;

/// <summary>MAP-7 to MAP-12: what an unmap removes.</summary>
public static class Unmapping
{
    // MAP-7  An unmap is checked for emptiness, wrapping and alignment in its interface's order; VFIO looks at alignment first,
    //        and iommufd's areas need none.
    [Rule(RuleId.Map7, "an unmap of nothing, beyond the end of the space or off the granule is refused",
        Source = "Linux iommu_unmap; vfio_iommu_type1.c vfio_dma_do_unmap; iommufd/ioas.c")]
    public static Refusal? Check(Platform platform, Op.Unmap op)
    {
        Refusal? empty = op.Length == 0 ? Refusal.Empty : null;
        Refusal? wraps = AddressRange.Wraps(op.Iova, op.Length) ? Refusal.Wraps : null;
        Refusal? startOff = op.Iova % Platform.Granule != 0 ? Refusal.Misaligned : null;
        Refusal? lengthOff = op.Length % Platform.Granule != 0 ? Refusal.Misaligned : null;
        return platform switch
        {
            { Contract: Contract.Vfio } => startOff ?? empty ?? lengthOff ?? wraps,
            { Contract: Contract.Iommufd, Unmap: UnmapPolicy.Area } => empty ?? wraps,
            _ => empty ?? wraps ?? startOff ?? lengthOff,
        };
    }

    public static Allowed Unmap(State state, Op.Unmap op)
    {
        if (Check(state.Platform, op) is { } why)
            return Allowed.Refused(state, why, RuleId.Map7);
        if (MeansAll(state.Platform, op))
            return All(state, new(op.Domain));
        AddressRange range = AddressRange.Of(op.Iova, op.Length);
        return state.Platform.Unmap switch
        {
            UnmapPolicy.Leaf => Leaves(state, op.Domain, range),
            UnmapPolicy.Split => Injection.OrNoMemory(state, Bytes(state, op.Domain, range)),
            UnmapPolicy.WholeMapping => WholeMappings(state, op.Domain, range),
            _ => Areas(state, op.Domain, range),
        };
    }

    // MAP-8  Whole leaves go, from the first byte of the range to the first hole: a leaf that is cut at its start stops the walk,
    //        one that is cut at its end goes whole.
    [Rule(RuleId.Map8, "an unmap by leaves removes whole leaves up to the first hole and says how many bytes",
        Source = "Linux 7.0 generic_pt/iommu_pt.h unmap_range")]
    private static Allowed Leaves(State state, int slot, AddressRange range)
    {
        Domain domain = state.Domain(slot);
        List<AddressRange> removed = [];
        ulong at = range.First;
        while (domain.At(at) is { } mapping && Leaf(state.Platform, mapping, at).First == at)
        {
            ulong last = mapping.Range.Last <= range.Last ? mapping.Range.Last : Leaf(state.Platform, mapping, range.Last).Last;
            removed.Add(new(at, last));
            if (last >= range.Last)
                break;
            at = last + 1;
        }
        return removed.Count == 0
            ? Allowed.Refused(state, Refusal.NotMapped, RuleId.Map8)
            : Remove(state, slot, removed, RuleId.Map8);
    }

    /// <summary>
    /// The leaf that holds an IOVA: the largest block that exists, lies inside the mapping and is aligned in both spaces.
    /// Source: Linux iommu_pgsize; generic_pt pt_compute_best_pgsize.
    /// </summary>
    public static AddressRange Leaf(Platform platform, Mapping mapping, ulong iova)
    {
        foreach (int sizeLg2 in (ReadOnlySpan<int>)[30, 21])
        {
            bool exists = sizeLg2 == 30 ? platform.Pages1G : platform.Pages2M;
            AddressRange block = AddressRange.Block(iova, sizeLg2);
            if (exists && mapping.Range.Contains(block) && ((mapping.Range.First ^ mapping.Physical) & Bits.Mask(sizeLg2)) == 0)
                return block;
        }
        return AddressRange.Block(iova, Platform.GranuleLg2);
    }

    // MAP-9  Where leaves are split, exactly the bytes of the range go, holes and all.
    [Rule(RuleId.Map9, "an unmap that splits removes exactly the bytes asked for and says how many were mapped",
        Source = "virtio-iommu UNMAP without split refusal; Linux drivers before split support was removed")]
    private static Allowed Bytes(State state, int slot, AddressRange range) =>
        Remove(state, slot, [.. state.Domain(slot).Overlapping(range).Select(m => m.Range.Intersect(range))], RuleId.Map9);

    // MAP-10  Whole mappings go; a range that cuts the mapping at its first or its last byte is refused without effect; holes are fine.
    [Rule(RuleId.Map10, "an unmap by whole mappings is refused where it cuts one, and otherwise removes all inside",
        Source = "Linux vfio_iommu_type1.c, v2 bisect check")]
    private static Allowed WholeMappings(State state, int slot, AddressRange range)
    {
        ImmutableArray<AddressRange> inside = [.. state.Domain(slot).Overlapping(range).Select(m => m.Range)];
        return inside.All(range.Contains)
            ? Remove(state, slot, [.. inside], RuleId.Map10)
            : Allowed.Refused(state, Refusal.Partial, RuleId.Map10);
    }

    // MAP-11  Areas go one by one, upwards; the first that the range cuts ends the walk, and those before it stay removed.
    [Rule(RuleId.Map11, "an unmap by areas removes upwards until one is cut, and refuses where there is none",
        Source = "Linux iommufd/io_pagetable.c iopt_unmap_iova_range; iommufd/ioas.c")]
    private static Allowed Areas(State state, int slot, AddressRange range)
    {
        ImmutableArray<AddressRange> touched = [.. state.Domain(slot).Overlapping(range).Select(m => m.Range)];
        ImmutableArray<AddressRange> whole = [.. touched.TakeWhile(range.Contains)];
        Refusal? stopped = whole.Length < touched.Length ? Refusal.Partial : null;
        return whole.IsEmpty
            ? Allowed.Refused(state, stopped ?? Refusal.NotMapped, RuleId.Map11)
            : Remove(state, slot, [.. whole], RuleId.Map11, stopped);
    }

    // MAP-12  Unmapping all removes whatever there is and is never refused.
    [Rule(RuleId.Map12, "an unmap of all removes everything and says how many bytes, none included",
        Source = "Linux vfio.h VFIO_DMA_UNMAP_FLAG_ALL; iommufd.h IOMMU_IOAS_UNMAP with iova 0, length 2^64-1")]
    public static Allowed All(State state, Op.UnmapAll op) =>
        Remove(state, op.Domain, [.. state.Domain(op.Domain).Mapped.Select(m => m.Range)], RuleId.Map12);

    // iommufd writes "all" as the longest range there is, which leaves the very last byte out.
    private static bool MeansAll(Platform platform, Op.Unmap op) =>
        platform is { Contract: Contract.Iommufd, Unmap: UnmapPolicy.Area } && op is { Iova: 0, Length: ulong.MaxValue };

    private static Allowed Remove(State state, int slot, List<AddressRange> ranges, RuleId rule, Refusal? stopped = null)
    {
        Domain domain = state.Domain(slot);
        ulong bytes = 0;
        foreach (AddressRange range in ranges)
        {
            bytes += range.Length;
            foreach (Mapping mapping in domain.Overlapping(range))
                domain = domain.Linger(new(mapping.Range.Intersect(range), mapping.Clip(range)));
            domain = domain.Remove(range);
        }
        return Allowed.Only(new Observation.Unmapped(bytes, stopped), state.With(slot, domain), rule);
    }
}
