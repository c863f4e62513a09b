using System.Runtime.CompilerServices;

namespace IommuImpl;

/// <summary>One cached translation of a 4 KiB, 2 MiB or 1 GiB page.</summary>
internal struct IotlbEntry
{
    /// <summary>First IOVA of the page, with the leaf level (1, 2, 3) in the low bits; 0 when free.</summary>
    public ulong Key;

    /// <summary>The domain's cache tag; bit 0 set: reads miss; bit 1 set: writes miss.</summary>
    public ulong TagAndDenied;

    /// <summary>First physical address of the page.</summary>
    public ulong Physical;
}

/// <summary>Where entries are. A hit reads it from the facade's own fields: one load less than through <see cref="Iotlb"/>.</summary>
internal readonly unsafe struct IotlbPlaces(IotlbEntry* entries, ulong mask)
{
    private readonly IotlbEntry* _entries = entries;
    private readonly ulong _mask = mask;

    /// <summary>The only place where a 4 KiB page can be.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public IotlbEntry* SmallPlace(ulong iova, ulong salt) => Place(iova >> 12, salt);

    /// <summary>The only place where a page can be. Its number is in units of its own size.</summary>
    /// <remarks>The shifted copy keeps buffers that start at equal offsets of different 2 MiB regions apart.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public IotlbEntry* Place(ulong page, ulong salt) => _entries + ((page ^ (page >> 9) ^ salt) & _mask);
}

/// <summary>
/// The IOTLB: direct mapped, all page sizes in one array, tagged. A tag is never used twice, so ending every translation of
/// a domain, or of all, is giving it a new tag: 40 ns instead of 560 for a scan. It could break INV if a device context
/// kept the old tag; <see cref="ContextCache"/> is told of every new one.
/// </summary>
internal sealed unsafe class Iotlb
{
    private IotlbEntry[] _array = [];
    private IotlbPlaces _places;
    private bool _enabled;
    private byte _largeLevels;

    /// <summary>Bit l set: leaves of level l may be present, so their places must be looked at. Usually clear: one probe.</summary>
    public int LargeLevels => _largeLevels;

    /// <summary>The array without the object around it; good until the next <see cref="Reset"/>.</summary>
    public IotlbPlaces Places => _places;

    public void Reset(int entryCount)
    {
        var length = Math.Max(entryCount, 1);
        if (_array.Length != length)
        {
            _array = GC.AllocateArray<IotlbEntry>(length, pinned: true);
            _places = new IotlbPlaces((IotlbEntry*)Unsafe.AsPointer(ref _array[0]), (ulong)length - 1);
        }

        _enabled = entryCount != 0;
        _largeLevels = 0;
    }

    /// <summary>Mixed into the place of an entry, so that domains with equal addresses do not collide.</summary>
    public static ulong Salt(ulong tag) => (tag * 0x9E37_79B9_7F4A_7C15) >> 40;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong KeyOf(ulong iova, int level) => (iova >> ShiftOf(level) << ShiftOf(level)) | (uint)level;

    /// <summary>Looks for a 2 MiB or 1 GiB page.</summary>
    public bool TryLarge(ulong iova, ulong tag, ulong salt, AccessKind kind, out ulong physical)
    {
        for (var level = 2; level <= 3; level++)
        {
            if ((_largeLevels & (1 << level)) == 0)
                continue;
            var entry = _places.Place(iova >> ShiftOf(level), salt);
            if (entry->Key == KeyOf(iova, level) && (entry->TagAndDenied & ~(2UL >> (int)kind)) == tag)
            {
                physical = entry->Physical | (iova & ((1UL << ShiftOf(level)) - 1));
                return true;
            }
        }

        physical = 0;
        return false;
    }

    /// <summary>Holds a translation, in place of whatever was there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Fill(ulong iova, int level, ulong physical, ulong tag, ulong salt, ulong denied)
    {
        if (!_enabled)
            return;
        if (level > 1)
            _largeLevels |= (byte)(1 << level);
        var entry = _places.Place(iova >> ShiftOf(level), salt);
        entry->Key = KeyOf(iova, level);
        entry->TagAndDenied = tag | denied;
        entry->Physical = physical >> ShiftOf(level) << ShiftOf(level);
    }

    /// <summary>Drops every page of a tag that meets [first, last].</summary>
    public void DropRange(ulong tag, ulong first, ulong last)
    {
        // Looking at each possible place costs one probe a page; for more pages than entries, looking at all is cheaper.
        if ((last - first) >> 12 >= (ulong)_array.Length)
        {
            DropByScan(tag, first, last);
            return;
        }

        var salt = Salt(tag);
        DropLevel(tag, first, last, 1, salt);
        for (var level = 2; level <= 3; level++)
        {
            if ((_largeLevels & (1 << level)) != 0)
                DropLevel(tag, first, last, level, salt);
        }
    }

    private void DropLevel(ulong tag, ulong first, ulong last, int level, ulong salt)
    {
        var shift = ShiftOf(level);
        for (var page = first >> shift; ; page++)
        {
            var entry = _places.Place(page, salt);
            if (entry->Key == ((page << shift) | (uint)level) && (entry->TagAndDenied & ~3UL) == tag)
                *entry = default;
            if (page == last >> shift)
                return;
        }
    }

    private void DropByScan(ulong tag, ulong first, ulong last)
    {
        foreach (ref var entry in _array.AsSpan())
        {
            if ((entry.TagAndDenied & ~3UL) != tag || entry.Key == 0)
                continue;
            var shift = ShiftOf((int)(entry.Key & 7));
            var page = entry.Key >> shift;
            if (page >= first >> shift && page <= last >> shift)
                entry = default;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int ShiftOf(int level) => 3 + 9 * level;
}
