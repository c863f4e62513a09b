namespace IommuImpl;

public sealed partial class Iommu
{
    private const int IdentityDomain = -1;

    /// <summary>Domains in order of first use; free ones after the first _domainCount.</summary>
    private readonly List<Domain> _domains = [];
    private readonly Dictionary<int, Domain> _domainById = [];
    private readonly Dictionary<ushort, int> _attached = [];
    private int _domainCount;
    private Domain? _recentDomain;

    /// <summary>Bytes mapped in all domains.</summary>
    public ulong MappedBytes
    {
        get
        {
            ulong sum = 0;
            for (var i = 0; i < _domainCount; i++)
                sum += _domains[i].MappedBytes;
            return sum;
        }
    }

    /// <summary>Devices attached (software mode, identity included) or programmed (direct mode).</summary>
    public int AttachedCount => _attached.Count + _programmed.Count;

    /// <summary>From now on the device goes through a domain, and nowhere else. Takes effect at once.</summary>
    /// <returns>Done, OutOfRange for a negative domain, or NotHere.</returns>
    public Status Attach(ushort requester, int domain)
    {
        if (Options.Contexts != ContextMode.Software)
            return Status.NotHere;
        if (domain < 0)
            return Status.OutOfRange;
        var target = GetOrAddDomain(domain);
        Forget(requester);
        target.AttachedCount++;
        _attached.Add(requester, domain);
        return Status.Done;
    }

    /// <summary>From now on the device's addresses are physical addresses. Takes effect at once.</summary>
    /// <returns>Done or NotHere.</returns>
    public Status AttachIdentity(ushort requester)
    {
        if (Options.Contexts != ContextMode.Software)
            return Status.NotHere;
        Forget(requester);
        _attached.Add(requester, IdentityDomain);
        return Status.Done;
    }

    /// <summary>From now on the device's accesses fault. What the IOTLB holds of the domain stays.</summary>
    /// <returns>Done (also when the device was attached nowhere) or NotHere.</returns>
    public Status Detach(ushort requester)
    {
        if (Options.Contexts != ContextMode.Software)
            return Status.NotHere;
        Forget(requester);
        return Status.Done;
    }

    /// <summary>Removes everything from a domain, its tables included, and ends its cached translations.</summary>
    /// <returns>Done (also for a domain never used), Busy while a device is attached, OutOfRange or NotHere.</returns>
    public Status FreeDomain(int domain)
    {
        if (Refusal(domain) is var refused and not Status.Done)
            return refused;
        if (!TryDomain(domain, out var target))
            return Status.Done;
        if (target.AttachedCount != 0)
            return Status.Busy;
        EndCached(target);
        _store.FreeSubtree(target, target.Root);
        _domainById.Remove(domain);
        _recentDomain = null;
        // The order of first use is kept for the rest.
        _domains.Remove(target);
        _domains.Add(target);
        _domainCount--;
        return Status.Done;
    }

    /// <summary>Where a domain's root table lies in <see cref="Memory"/>, for whoever wants to read its tables.</summary>
    /// <returns>False for a domain never used, and in other modes than software.</returns>
    public bool TryGetRoot(int domain, out ulong physical)
    {
        var found = TryDomain(domain, out var target);
        physical = found ? Memory.TableBase + (ulong)target!.Root * PhysicalMemory.PageBytes : 0;
        return found;
    }

    /// <summary>The physical address of a byte as the tables in memory say; caches are not asked.</summary>
    /// <returns>Done, NotMapped, OutOfRange for a negative domain, or NotHere.</returns>
    public Status Lookup(int domain, ulong iova, out ulong physical)
    {
        physical = 0;
        if (Refusal(domain) is var refused and not Status.Done)
            return refused;
        if (!TryDomain(domain, out var target) || !_store.Contains(iova, iova))
            return Status.NotMapped;
        var leaf = _store.Descend(target, iova, out _, out var level);
        if (leaf == 0)
            return Status.NotMapped;
        var offsetMask = (1UL << Entry.ShiftOf(level)) - 1;
        physical = (leaf & Entry.AddressMask & ~offsetMask) | (iova & offsetMask);
        return Status.Done;
    }

    /// <summary>Ends cached translations that meet [iova, iova + length); frees emptied tables there.</summary>
    /// <returns>Done, Empty, Wraps, Misaligned, OutOfRange for a negative domain, or NotHere.</returns>
    public Status Invalidate(int domain, ulong iova, ulong length)
    {
        if (Refusal(domain) is var refused and not Status.Done)
            return refused;
        if (length == 0)
            return Status.Empty;
        var last = iova + length - 1;
        if (last < iova)
            return Status.Wraps;
        if (((iova | length) & GranuleMask) != 0)
            return Status.Misaligned;
        if (!TryDomain(domain, out var target))
            return Status.Done;
        _iotlb.DropRange(target.Tag, iova, last);
        _store.FreeEmptied(target, iova, last);
        return Status.Done;
    }

    /// <summary>Ends every cached translation of a domain; frees its emptied tables.</summary>
    /// <returns>Done, OutOfRange for a negative domain, or NotHere.</returns>
    public Status InvalidateDomain(int domain)
    {
        if (Refusal(domain) is var refused and not Status.Done)
            return refused;
        if (!TryDomain(domain, out var target))
            return Status.Done;
        EndCached(target);
        _store.FreeEmptied(target, 0, ulong.MaxValue);
        return Status.Done;
    }

    /// <summary>Ends every cached translation; frees all emptied tables.</summary>
    /// <returns>Done or NotHere.</returns>
    public Status InvalidateAll()
    {
        if (Options.Contexts != ContextMode.Software)
            return Status.NotHere;
        for (var i = 0; i < _domainCount; i++)
        {
            EndCached(_domains[i]);
            _store.FreeEmptied(_domains[i], 0, ulong.MaxValue);
        }

        return Status.Done;
    }

    /// <summary>The k-th table allocation from now (1-based) fails once; 0 or less disarms. Roots do not count.</summary>
    public void FailNextAllocation(int k) => _pool.FailNext(Math.Max(k, 0));

    private void ResetSoftware()
    {
        _domainById.Clear();
        _attached.Clear();
        _domainCount = 0;
        _recentDomain = null;
    }

    private Status Refusal(int domain)
    {
        if (Options.Contexts != ContextMode.Software)
            return Status.NotHere;
        return domain < 0 ? Status.OutOfRange : Status.Done;
    }

    private bool TryDomain(int id, out Domain domain)
    {
        // The domain used last: a dictionary look-up less on nearly every map and unmap.
        if (_recentDomain is { } recent && recent.Id == id)
        {
            domain = recent;
            return true;
        }

        if (!_domainById.TryGetValue(id, out domain!))
            return false;
        _recentDomain = domain;
        return true;
    }

    private Domain GetOrAddDomain(int id)
    {
        if (TryDomain(id, out var domain))
            return domain;
        if (_domainCount == _domains.Count)
            _domains.Add(new Domain());
        domain = _domains[_domainCount++];
        domain.Start(id, _tags.New(), _pool.AllocateRoot(_store.Levels));
        _domainById.Add(id, domain);
        _recentDomain = domain;
        return domain;
    }

    /// <summary>Gives a domain a new tag, so that what is cached under the old one is never found again.</summary>
    private void EndCached(Domain domain)
    {
        domain.Tag = _tags.New();
        _contexts.Retag(domain.Id, domain.Tag);
    }

    private void Forget(ushort requester)
    {
        _contexts.Drop(requester);
        if (_attached.Remove(requester, out var domain) && domain != IdentityDomain)
            _domainById[domain].AttachedCount--;
    }

    private byte FillSoftware(ushort requester, ref ContextEntry place)
    {
        if (!_attached.TryGetValue(requester, out var id))
            return 0x02;
        place = new ContextEntry { Key = requester | ContextCache.Present, DomainId = id };
        if (id == IdentityDomain)
        {
            place.Kind = ContextKind.PassThrough;
            place.ForbiddenBits = ~0UL;
            return 0;
        }

        var domain = _domainById[id];
        place.Root = _pool.AddressOf(domain.Root);
        place.Levels = (byte)_store.Levels;
        place.ForbiddenBits = _isSecondStage ? ~0UL << _store.InputBits : 0;
        ContextCache.SetTag(ref place, domain.Tag);
        return 0;
    }
}
