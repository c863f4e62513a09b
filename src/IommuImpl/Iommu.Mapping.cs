namespace IommuImpl;

public sealed partial class Iommu
{
    private const ulong GranuleMask = 0xFFF;

    /// <summary>Maps [iova, iova + length) to [physical, physical + length), or refuses without effect.</summary>
    /// <remarks>Ends nothing that is cached: nothing mapped is never cached.</remarks>
    /// <returns>Done or a refusal; which comes first is the contract's (Linux iommu_map, vfio_iommu_type1.c, iommufd/ioas.c).</returns>
    public Status Map(int domain, ulong iova, ulong length, ulong physical, Rights rights) =>
        TryMapNearby(domain, iova, length, physical, rights, out var nearby) ? nearby : MapAnywhere(domain, iova, length, physical, rights);

    private Status MapAnywhere(int domain, ulong iova, ulong length, ulong physical, Rights rights)
    {
        if (Refusal(domain) is var refused and not Status.Done)
            return refused;
        TryDomain(domain, out var target);
        var status = Options.Contract switch
        {
            Contract.Kernel => CheckKernel(target, iova, length, physical, rights),
            Contract.Vfio => CheckVfio(target, iova, length, physical, rights),
            _ => CheckIommufd(target, iova, length, physical, rights),
        };
        if (status != Status.Done)
            return status;
        target ??= GetOrAddDomain(domain);
        var last = iova + length - 1;
        var mapped = _isSecondStage
            ? TableEditor<VtdSecondStageFormat>.Map(_store, target, iova, last, physical, rights)
            : TableEditor<X86FirstStageFormat>.Map(_store, target, iova, last, physical, rights);
        return mapped ? Status.Done : Status.NoMemory;
    }

    /// <summary>Unmaps as contract and policy say. Cached translations stay until invalidated.</summary>
    /// <param name="domain">Zero or more.</param>
    /// <param name="iova">First byte.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="unmapped">Bytes removed; may be less than the range, or more (policy Leaf).</param>
    public Status Unmap(int domain, ulong iova, ulong length, out ulong unmapped) =>
        TryUnmapNearby(domain, iova, length, out unmapped, out var nearby) ? nearby : UnmapAnywhere(domain, iova, length, out unmapped);

    private Status UnmapAnywhere(int domain, ulong iova, ulong length, out ulong unmapped)
    {
        unmapped = 0;
        if (Refusal(domain) is var refused and not Status.Done)
            return refused;
        var status = CheckUnmap(iova, length);
        if (status != Status.Done)
            return status;
        var last = iova + length - 1;
        if (!TryDomain(domain, out var target))
            return Options.Unmap is UnmapPolicy.Split or UnmapPolicy.WholeMapping || IsEverything(iova, length) ? Status.Done : Status.NotMapped;
        switch (Options.Unmap)
        {
            case UnmapPolicy.Leaf:
                unmapped = LeafRemover.RemoveLeaves(_store, target, iova, last);
                return unmapped == 0 ? Status.NotMapped : Status.Done;
            case UnmapPolicy.Split:
                if (!TrySplit(target, iova, last))
                    return Status.NoMemory;
                break;
            case UnmapPolicy.WholeMapping:
                if (!LeafRemover.EndsAreWhole(_store, target, iova, last))
                    return Status.Partial;
                break;
            default:
                if (!IsEverything(iova, length))
                    return LeafRemover.RemoveAreas(_store, target, iova, last, out unmapped);
                last = ulong.MaxValue;
                break;
        }

        unmapped = LeafRemover.RemoveAll(_store, target, iova, last);
        return Status.Done;
    }

    /// <summary>Unmaps everything of a domain, in every policy.</summary>
    /// <returns>Done (also when nothing was mapped), OutOfRange for a negative domain, or NotHere.</returns>
    public Status UnmapAll(int domain, out ulong unmapped)
    {
        unmapped = 0;
        if (Refusal(domain) is var refused and not Status.Done)
            return refused;
        if (TryDomain(domain, out var target))
            unmapped = LeafRemover.RemoveAll(_store, target, 0, ulong.MaxValue);
        return Status.Done;
    }

    // Linux generic_pt/iommu_pt.h, map_range.
    private Status CheckKernel(Domain? target, ulong iova, ulong length, ulong physical, Rights rights)
    {
        if ((rights & (Rights.Read | Rights.Write)) == 0)
            return Status.NoRights;
        if (physical >> Options.PhysicalBits != 0)
            return Status.TooWide;
        if (length == 0)
            return Status.Empty;
        var last = iova + length - 1;
        if (last < iova)
            return Status.Wraps;
        if (((iova | physical | length) & GranuleMask) != 0)
            return Status.Misaligned;
        if (IsTooWide(physical, length))
            return Status.TooWide;
        if (!_store.Contains(iova, last))
            return Status.OutOfRange;
        return IsOccupied(target, iova, last) ? Status.Occupied : Status.Done;
    }

    // Linux vfio_iommu_type1.c, vfio_dma_do_map; the physical address stands for VFIO's virtual one.
    private Status CheckVfio(Domain? target, ulong iova, ulong length, ulong physical, Rights rights)
    {
        if (length == 0)
            return Status.Empty;
        var last = iova + length - 1;
        if (last < iova || physical + length - 1 < physical)
            return Status.Wraps;
        if ((rights & (Rights.Read | Rights.Write)) == 0)
            return Status.NoRights;
        if (((iova | physical | length) & GranuleMask) != 0)
            return Status.Misaligned;
        if (IsOccupied(target, iova, last))
            return Status.Occupied;
        if (!_store.Contains(iova, last))
            return Status.OutOfRange;
        if (TouchesWindow(iova, last))
            return Status.Reserved;
        return IsTooWide(physical, length) ? Status.TooWide : Status.Done;
    }

    // Linux iommufd/ioas.c, map at a fixed address.
    private Status CheckIommufd(Domain? target, ulong iova, ulong length, ulong physical, Rights rights)
    {
        if ((rights & (Rights.Read | Rights.Write)) == 0)
            return Status.NoRights;
        if (length == 0)
            return Status.Empty;
        var last = iova + length - 1;
        if (last < iova || physical + length - 1 < physical)
            return Status.Wraps;
        if (((iova | physical | length) & GranuleMask) != 0)
            return Status.Misaligned;
        if (!_store.Contains(iova, last))
            return Status.OutOfRange;
        if (TouchesWindow(iova, last))
            return Status.Reserved;
        if (IsOccupied(target, iova, last))
            return Status.Occupied;
        return IsTooWide(physical, length) ? Status.TooWide : Status.Done;
    }

    private Status CheckUnmap(ulong iova, ulong length)
    {
        var wraps = iova + length - 1 < iova;
        switch (Options.Contract)
        {
            case Contract.Kernel:
                if (length == 0)
                    return Status.Empty;
                if (wraps)
                    return Status.Wraps;
                return ((iova | length) & GranuleMask) != 0 ? Status.Misaligned : Status.Done;
            case Contract.Vfio:
                if ((iova & GranuleMask) != 0)
                    return Status.Misaligned;
                if (length == 0)
                    return Status.Empty;
                if ((length & GranuleMask) != 0)
                    return Status.Misaligned;
                return wraps ? Status.Wraps : Status.Done;
            default:
                if (length == 0)
                    return Status.Empty;
                if (wraps)
                    return Status.Wraps;
                // Areas need no alignment: what a range cuts stops the walk. Leaves and bytes do.
                return ((iova | length) & GranuleMask) != 0 && Options.Unmap != UnmapPolicy.Area ? Status.Misaligned : Status.Done;
        }
    }

    private bool IsOccupied(Domain? target, ulong first, ulong last)
    {
        if (target is null)
            return false;
        for (var half = 0; half < 2; half++)
        {
            var (clippedFirst, clippedLast) = (first, last);
            if (_store.Clip(ref clippedFirst, ref clippedLast, half) && _store.IsOccupied(target, clippedFirst, clippedLast))
                return true;
        }

        return false;
    }

    private bool IsTooWide(ulong physical, ulong length) =>
        physical + length - 1 < physical || (physical + length - 1) >> Options.PhysicalBits != 0;

    private bool TouchesWindow(ulong first, ulong last) =>
        Options.InterruptWindowReserved && first < Entry.WindowBase + Entry.WindowBytes && last >= Entry.WindowBase;

    /// <summary>iommufd's way to say "unmap all" (Linux iommufd/ioas.c): 2^64 bytes cannot be said.</summary>
    private bool IsEverything(ulong iova, ulong length) =>
        Options.Unmap == UnmapPolicy.Area && Options.Contract == Contract.Iommufd && iova == 0 && length == ulong.MaxValue;

    private bool TrySplit(Domain target, ulong first, ulong last) => _isSecondStage
        ? TrySplit<VtdSecondStageFormat>(target, first, last)
        : TrySplit<X86FirstStageFormat>(target, first, last);

    private bool TrySplit<TFormat>(Domain target, ulong first, ulong last) where TFormat : struct, IPageFormat =>
        LeafSplitter<TFormat>.TrySplitAt(_store, target, first)
        && (last == ulong.MaxValue || LeafSplitter<TFormat>.TrySplitAt(_store, target, last + 1));
}
