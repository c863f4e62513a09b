using System.Runtime.CompilerServices;

namespace IommuImpl;

/// <summary>A pointer to a table.</summary>
internal struct WalkCacheEntry
{
    /// <summary>log2 of its bytes.</summary>
    public const int SizeLg2 = 5;

    /// <summary>First IOVA that the table covers, with the table's level in the low bits; 0 when free.</summary>
    public ulong Key;
    public ulong Tag;

    /// <summary>Physical address of the table.</summary>
    public ulong Table;

    /// <summary>Bits 11:0, those set in every entry on the way from the root to the table.</summary>
    public ulong Path;

    /// <summary>It is the pointer to the table of a level for an address, and its path grants what is needed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool Leads(ulong iova, int level, ulong tag, ulong need) =>
        Key == KeyOf(iova, level) && Tag == tag && (Path & need) == need;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong KeyOf(ulong iova, int level) => (iova >> (12 + 9 * level) << (12 + 9 * level)) | (uint)level;
}

/// <summary>
/// The walk cache (paging-structure cache): pointers to level-1 and level-2 tables, with the AND of the entries that led
/// there, direct mapped and tagged. Buys two or three of a walk's four dependent loads. It could break INV-2 if a pointer
/// outlived an invalidation that is not leaf-only, and MAP if a pointer led to a table that is no longer linked.
/// </summary>
/// <remarks>
/// The few pointers to level-2 tables have places of their own, where those to level-1 tables, of which walks all over a large
/// table fill one each, do not push them out.
/// </remarks>
internal sealed unsafe class WalkCache
{
    private WalkCacheEntry[] _array = [];
    private byte* _lower, _upper;
    private ulong _lowerMask, _upperMask;
    private bool _enabled;

    /// <param name="entryCount">Pointers to level-1 tables; a quarter as many to level-2 tables come on top.</param>
    public void Reset(int entryCount)
    {
        var (lower, upper) = (Math.Max(entryCount, 1), Math.Max(entryCount / 4, 1));
        if (_array.Length != lower + upper)
        {
            _array = GC.AllocateArray<WalkCacheEntry>(lower + upper, pinned: true);
            _lower = (byte*)Unsafe.AsPointer(ref _array[0]);
            _upper = _lower + ((nint)lower << WalkCacheEntry.SizeLg2);
            (_lowerMask, _upperMask) = (((ulong)lower - 1) << WalkCacheEntry.SizeLg2, ((ulong)upper - 1) << WalkCacheEntry.SizeLg2);
        }

        _enabled = entryCount != 0;
    }

    /// <summary>The lowest table known for an address whose path grants what is needed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryFind(ulong iova, ulong tag, ulong salt, ulong need, out ulong table, out ulong path, out int level)
    {
        for (level = 1; level <= 2 && _enabled; level++)
        {
            var entry = Place(iova, level, salt);
            if (entry->Leads(iova, level, tag, need))
            {
                (table, path) = (entry->Table, entry->Path);
                return true;
            }
        }

        table = 0;
        path = 0;
        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Fill(ulong iova, int level, ulong tag, ulong salt, ulong table, ulong path)
    {
        if (!_enabled)
            return;
        var entry = Place(iova, level, salt);
        entry->Key = WalkCacheEntry.KeyOf(iova, level);
        entry->Tag = tag;
        (entry->Table, entry->Path) = (table, path & 0xFFF);
    }

    /// <summary>Drops the pointer to the table of a level that covers an address.</summary>
    public void Drop(ulong tag, ulong iova, int level)
    {
        var entry = Place(iova, level, Iotlb.Salt(tag));
        if (entry->Key == WalkCacheEntry.KeyOf(iova, level) && entry->Tag == tag)
            *entry = default;
    }

    /// <summary>Drops every pointer of a tag whose table covers a part of [first, last].</summary>
    public void DropRange(ulong tag, ulong first, ulong last)
    {
        if ((last - first) >> 21 >= (ulong)_array.Length)
        {
            DropByScan(tag, first, last);
            return;
        }

        for (var level = 1; level <= 2; level++)
        {
            var shift = 12 + 9 * level;
            for (var region = first >> shift; ; region++)
            {
                Drop(tag, region << shift, level);
                if (region == last >> shift)
                    break;
            }
        }
    }

    private void DropByScan(ulong tag, ulong first, ulong last)
    {
        foreach (ref var entry in _array.AsSpan())
        {
            if (entry.Tag != tag || entry.Key == 0)
                continue;
            var shift = 12 + 9 * (int)(entry.Key & 7);
            var region = entry.Key >> shift;
            if (region >= first >> shift && region <= last >> shift)
                entry = default;
        }
    }

    /// <summary>The only place where the pointer to the table of a level that covers an address can be.</summary>
    /// <remarks>
    /// Masks and shifts that count bytes, not entries, make for four steps from the address to the place; with 24-byte entries
    /// and a number of the entry it was seven: 0.7 ns of a
    /// translation, which waits for them.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public WalkCacheEntry* Place(ulong iova, int level, ulong salt)
    {
        var shift = 12 + 9 * level - WalkCacheEntry.SizeLg2;
        var place = ((iova >> shift) ^ (salt << WalkCacheEntry.SizeLg2)) ^ (iova >> (shift + 9));
        return (WalkCacheEntry*)(level == 1 ? _lower + (place & _lowerMask) : _upper + (place & _upperMask));
    }
}
