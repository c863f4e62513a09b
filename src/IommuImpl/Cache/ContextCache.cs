using System.Runtime.CompilerServices;

namespace IommuImpl;

/// <summary>What a device's requests go through.</summary>
internal enum ContextKind : byte
{
    /// <summary>A page table.</summary>
    Paged,

    /// <summary>No table: physical = input.</summary>
    PassThrough,
}

/// <summary>A device's context, decoded.</summary>
internal struct ContextEntry
{
    /// <summary>Requester id + <see cref="ContextCache.Present"/>; 0 when free.</summary>
    public uint Key;
    public ContextKind Kind;

    /// <summary>FPD: faults marked as qualified are not recorded.</summary>
    public bool SuppressFaults;
    public byte Levels;
    public int DomainId;

    /// <summary>Input-address bits that must be 0 (second stage). All ones for pass-through, which the IOTLB never holds.</summary>
    public ulong ForbiddenBits;

    /// <summary>The domain's cache tag; 0, which no IOTLB entry has, for pass-through.</summary>
    public ulong Tag;

    /// <summary><see cref="Iotlb.Salt"/> of the tag: a multiplication less on every hit.</summary>
    public ulong Salt;

    /// <summary>Physical address of the top table; 0, where no window has a page, for pass-through.</summary>
    public ulong Root;
}

/// <summary>Where entries are; see <see cref="IotlbPlaces"/>.</summary>
internal readonly unsafe struct ContextPlaces(ContextEntry* entries, uint mask)
{
    private readonly ContextEntry* _entries = entries;
    private readonly uint _mask = mask;

    /// <summary>The only place where a requester's context can be.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ContextEntry* Place(uint requester) => _entries + ((requester ^ (requester >> 6)) & _mask);
}

/// <summary>
/// The context cache: direct mapped by requester id. All context modes go through it, which makes the hit path the same
/// for all of them; in software and direct mode a change drops the device's entry at once.
/// </summary>
internal sealed unsafe class ContextCache
{
    public const uint Present = 0x1_0000;

    /// <summary>Compared in place of <see cref="Present"/> where no entry may match.</summary>
    public const uint Unusable = 0x2_0000;
    private ContextEntry[] _array = [];
    private ContextPlaces _places;

    public void Reset(int entryCount)
    {
        if (_array.Length != entryCount)
        {
            _array = GC.AllocateArray<ContextEntry>(entryCount, pinned: true);
            _places = new ContextPlaces((ContextEntry*)Unsafe.AsPointer(ref _array[0]), (uint)entryCount - 1);
        }

        DropAll();
    }

    /// <summary>The array without the object around it; good until the next <see cref="Reset"/>.</summary>
    public ContextPlaces Places => _places;

    public void DropAll() => _array.AsSpan().Clear();

    public void Drop(ushort requester)
    {
        var entry = _places.Place(requester);
        if (entry->Key == (requester | Present))
            *entry = default;
    }

    public void DropDomain(int domainId)
    {
        foreach (ref var entry in _array.AsSpan())
        {
            if (entry.Key != 0 && entry.DomainId == domainId)
                entry = default;
        }
    }

    /// <summary>Drops what belongs to a domain id and to a requester that differs only in the masked function bits.</summary>
    public void DropDevice(int domainId, ushort requester, uint functionBits)
    {
        foreach (ref var entry in _array.AsSpan())
        {
            if (entry.Key != 0 && entry.DomainId == domainId && ((entry.Key ^ requester) & 0xFFFF & ~functionBits) == 0)
                entry = default;
        }
    }

    /// <summary>Tells cached contexts of a domain's new tag.</summary>
    public void Retag(int domainId, ulong tag)
    {
        foreach (ref var entry in _array.AsSpan())
        {
            if (entry.Key != 0 && entry.Kind == ContextKind.Paged && entry.DomainId == domainId)
                SetTag(ref entry, tag);
        }
    }

    /// <summary>Gives every cached context the tag that its domain id has now.</summary>
    public void RetagAll(DomainTags tags)
    {
        foreach (ref var entry in _array.AsSpan())
        {
            if (entry.Key != 0 && entry.Kind == ContextKind.Paged)
                SetTag(ref entry, tags.Of((ushort)entry.DomainId));
        }
    }

    public static void SetTag(ref ContextEntry entry, ulong tag)
    {
        entry.Tag = tag;
        entry.Salt = Iotlb.Salt(tag);
    }
}
