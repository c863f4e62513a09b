using System.Runtime.CompilerServices;

namespace IommuImpl;

/// <summary>
/// The walk cache (paging-structure cache): pointers to level-1 and level-2 tables, with the AND of the entries that led
/// there, direct mapped and tagged. Buys two or three of a walk's four dependent loads. It could break INV-2 if a pointer
/// outlived an invalidation that is not leaf-only, and MAP if a pointer led to a table that is no longer linked.
/// </summary>
internal sealed unsafe class WalkCache
{
    private struct Entry
    {
        /// <summary>First IOVA that the table covers, with the table's level in the low bits; 0 when free.</summary>
        public ulong Key;
        public ulong Tag;

        /// <summary>Bits 51:12 the table; bits 11:0 those set in every entry above it.</summary>
        public ulong Pointer;
    }

    private const ulong AddressMask = 0x000F_FFFF_FFFF_F000;
    private Entry[] _array = [];
    private Entry* _entries;
    private ulong _mask;
    private bool _enabled;

    public void Reset(int entryCount)
    {
        var length = Math.Max(entryCount, 1);
        if (_array.Length != length)
        {
            _array = GC.AllocateArray<Entry>(length, pinned: true);
            _entries = (Entry*)Unsafe.AsPointer(ref _array[0]);
            _mask = (ulong)length - 1;
        }

        _enabled = entryCount != 0;
    }

    /// <summary>The lowest table known for an address whose path grants what is needed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryFind(ulong iova, ulong tag, ulong salt, ulong need, out ulong table, out ulong path, out int level)
    {
        for (level = 1; level <= 2 && _enabled; level++)
        {
            var region = iova >> (12 + 9 * level);
            var entry = _entries + Index(region, level, salt);
            if (entry->Key == KeyOf(region, level) && entry->Tag == tag && (entry->Pointer & need) == need)
            {
                table = entry->Pointer & AddressMask;
                path = entry->Pointer & 0xFFF;
                return true;
            }
        }

        table = 0;
        path = 0;
        return false;
    }

    /// <summary>The level-1 table for an address, if it is known and its path grants what is needed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryFindLeafTable(ulong iova, ulong tag, ulong salt, ulong need, out ulong table, out ulong path)
    {
        var entry = _entries + Index(iova >> 21, 1, salt);
        table = entry->Pointer & AddressMask;
        path = entry->Pointer & 0xFFF;
        return entry->Key == KeyOf(iova >> 21, 1) && entry->Tag == tag && (path & need) == need;
    }

    public void Fill(ulong iova, int level, ulong tag, ulong salt, ulong table, ulong path)
    {
        if (!_enabled)
            return;
        var region = iova >> (12 + 9 * level);
        var entry = _entries + Index(region, level, salt);
        entry->Key = KeyOf(region, level);
        entry->Tag = tag;
        entry->Pointer = table | (path & 0xFFF);
    }

    /// <summary>Drops the pointer to the table of a level that covers an address.</summary>
    public void Drop(ulong tag, ulong iova, int level)
    {
        var region = iova >> (12 + 9 * level);
        var entry = _entries + Index(region, level, Iotlb.Salt(tag));
        if (entry->Key == KeyOf(region, level) && entry->Tag == tag)
            *entry = default;
    }

    /// <summary>Drops every pointer of a tag whose table covers a part of [first, last].</summary>
    public void DropRange(ulong tag, ulong first, ulong last)
    {
        if ((last - first) >> 21 >= _mask)
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

    private static ulong KeyOf(ulong region, int level) => (region << (12 + 9 * level)) | (uint)level;

    private ulong Index(ulong region, int level, ulong salt) =>
        (region ^ (region >> 9) ^ salt ^ (level == 2 ? 0x55UL : 0)) & _mask;
}
