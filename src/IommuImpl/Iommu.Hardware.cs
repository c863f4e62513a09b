namespace IommuImpl;

public sealed partial class Iommu
{
    private const byte Global = 1, OfDomain = 2, Selective = 3;

    /// <summary>Largest address mask: 2^18 pages (MAMV).</summary>
    private const int MaxAddressMask = 18;
    private const ulong TopEntryBytes = 1UL << 48;

    private readonly Dictionary<ushort, (ulong Root, ushort DomainId)> _programmed = [];

    /// <summary>Direct mode: names a device's root table and domain id. Takes effect at once; ends nothing that is cached.</summary>
    /// <param name="requester">The device.</param>
    /// <param name="root">Physical address of the top table, a multiple of 4096 below 2^PhysicalBits.</param>
    /// <param name="domainId">Tag of cached translations; devices with equal ids share them.</param>
    /// <returns>Done, Misaligned, TooWide or NotHere.</returns>
    public Status ProgramDevice(ushort requester, ulong root, ushort domainId)
    {
        if (Options.Contexts != ContextMode.Direct)
            return Status.NotHere;
        if (RefusalOfPointer(root) is var refused and not Status.Done)
            return refused;
        _programmed[requester] = (root, domainId);
        _contexts.Drop(requester);
        return Status.Done;
    }

    /// <summary>Direct mode: from now on the device's accesses fault.</summary>
    /// <returns>Done (also when the device was not programmed) or NotHere.</returns>
    public Status UnprogramDevice(ushort requester)
    {
        if (Options.Contexts != ContextMode.Direct)
            return Status.NotHere;
        _contexts.Drop(requester);
        _programmed.Remove(requester);
        return Status.Done;
    }

    /// <summary>RTADDR and SRTP in legacy mode. Flushes nothing by itself (ESRTPS = 0).</summary>
    /// <param name="physical">A multiple of 4096 below 2^PhysicalBits.</param>
    /// <returns>Done, Misaligned, TooWide or NotHere.</returns>
    public Status SetRootTable(ulong physical)
    {
        if (Options.Contexts != ContextMode.VtdLegacy)
            return Status.NotHere;
        if (RefusalOfPointer(physical) is var refused and not Status.Done)
            return refused;
        _legacy.RootTable = physical;
        return Status.Done;
    }

    /// <summary>GCMD.TE. While off (as after reset), accesses pass untranslated. Flushes nothing by itself.</summary>
    /// <returns>Done or NotHere.</returns>
    public Status SetTranslation(bool enabled)
    {
        if (Options.Contexts != ContextMode.VtdLegacy)
            return Status.NotHere;
        _contextPresent = enabled ? ContextCache.Present : ContextCache.Unusable;
        return Status.Done;
    }

    /// <summary>Context-cache invalidation (VT-d 6.5).</summary>
    /// <param name="granularity">1 global, 2 domain, 3 device (of the domain).</param>
    /// <param name="domainId">For granularity 2 and 3.</param>
    /// <param name="requester">For granularity 3.</param>
    /// <param name="functionMask">For granularity 3: 0 none, 1 ignores function bit 2, 2 bits 2:1, 3 bits 2:0.</param>
    /// <returns>Done, OutOfRange for an encoding that does not exist, or NotHere without VT-d contexts.</returns>
    public Status InvalidateContexts(byte granularity, ushort domainId, ushort requester, byte functionMask)
    {
        if (Options.Contexts != ContextMode.VtdLegacy)
            return Status.NotHere;
        switch (granularity)
        {
            case Global:
                _contexts.DropAll();
                return Status.Done;
            case OfDomain:
                _contexts.DropDomain(domainId);
                return Status.Done;
            case Selective when functionMask <= 3:
                _contexts.DropDevice(domainId, requester, 0b111u & ~(0b111u >> functionMask));
                return Status.Done;
            default:
                return Status.OutOfRange;
        }
    }

    /// <summary>IOTLB invalidation (VT-d 6.5).</summary>
    /// <param name="granularity">1 global, 2 domain, 3 pages of the domain.</param>
    /// <param name="domainId">For granularity 2 and 3.</param>
    /// <param name="address">For granularity 3; bits below 12 + addressMask are ignored.</param>
    /// <param name="addressMask">For granularity 3: 2^addressMask pages, at most 18.</param>
    /// <param name="leafOnly">IH: cached pointers to tables may stay, and do.</param>
    /// <returns>Done, OutOfRange, or NotHere in software mode.</returns>
    public Status InvalidateIotlb(byte granularity, ushort domainId, ulong address, byte addressMask, bool leafOnly)
    {
        if (Options.Contexts == ContextMode.Software)
            return Status.NotHere;
        switch (granularity)
        {
            case Global:
                _tags.RenewAll();
                _contexts.RetagAll(_tags);
                return Status.Done;
            case OfDomain:
                _contexts.Retag(domainId, _tags.Renew(domainId));
                return Status.Done;
            case Selective when addressMask <= MaxAddressMask:
                InvalidatePages(domainId, address, addressMask, leafOnly);
                return Status.Done;
            default:
                return Status.OutOfRange;
        }
    }

    private void InvalidatePages(ushort domainId, ulong address, byte addressMask, bool leafOnly)
    {
        var bytes = 1UL << (12 + addressMask);
        var first = address & ~(bytes - 1);
        var last = first + (bytes - 1);
        var tag = _tags.Of(domainId);
        _iotlb.DropRange(tag, first, last);
        // A pointer stands for every entry passed on the way to its table. Those of a neighbouring region passed the same
        // upper entries as this range does, so all go that may share one: an entry of the highest level covers 2^48 bytes.
        if (!leafOnly)
            _walkCache.DropRange(tag, first & ~(TopEntryBytes - 1), last | (TopEntryBytes - 1));
    }

    private Status RefusalOfPointer(ulong physical)
    {
        if ((physical & GranuleMask) != 0)
            return Status.Misaligned;
        return physical >> Options.PhysicalBits != 0 ? Status.TooWide : Status.Done;
    }

    private byte FillDirect(ushort requester, ref ContextEntry place)
    {
        if (!_programmed.TryGetValue(requester, out var programmed))
            return 0x02;
        place = new ContextEntry
        {
            Key = requester | ContextCache.Present,
            DomainId = programmed.DomainId,
            Root = programmed.Root,
            Levels = (byte)_store.Levels,
            ForbiddenBits = _isSecondStage ? ~0UL << _store.InputBits : 0,
        };
        ContextCache.SetTag(ref place, _tags.Of(programmed.DomainId));
        return 0;
    }

    private byte FillLegacy(ushort requester, ref ContextEntry place, out bool suppressed)
    {
        var reason = _legacy.Read(requester, out var context);
        suppressed = context.SuppressFaults && reason is not (0x01 or 0x0A or 0x0B);
        if (reason != 0)
            return reason;
        if (context.Kind == ContextKind.Paged)
            ContextCache.SetTag(ref context, _tags.Of((ushort)context.DomainId));
        place = context;
        return 0;
    }
}
