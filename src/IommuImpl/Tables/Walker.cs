using System.Runtime.CompilerServices;

namespace IommuImpl;

/// <summary>Where a successful walk ended, and what the walk cache may keep of it.</summary>
internal struct Walk
{
    /// <summary>The table that holds the leaf, its level, and the AND of the entries above it.</summary>
    public ulong Table, Path;
    public int Level;

    /// <summary>For a level-1 leaf the level-2 table passed on the way, 0 when none, and the AND of the entries above it.</summary>
    public ulong UpperTable, UpperPath;

    public ulong Leaf;
    public ulong Physical;
}

/// <summary>The page walk, for every format.</summary>
internal static unsafe class Walker<TFormat> where TFormat : struct, IPageFormat
{
    /// <summary>What <see cref="Answer"/> says instead of a physical address.</summary>
    public const ulong NoAnswer = ulong.MaxValue;

    /// <summary>
    /// A walk on which nothing is unusual: every entry grants the access, needs no accessed or dirty bit stored and has no
    /// odd bit. Buys three of four tests a level, and all state in registers (17 ns for four levels in the caches; 30 with a
    /// walk state in memory). <see cref="Exact"/> alone decides about faults. It could break WLK if the mask missed a bit.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryUsual(PhysicalMemory memory, WalkRules rules, ulong iova, AccessKind kind, ulong table, ulong path, int level, out Walk walk)
    {
        var view = new PhysicalMemory.View(memory);
        var need = TFormat.TableNeed(kind);
        var mask = need | rules.Unusual;
        ulong entry;
        ulong upperTable = 0, upperPath = 0;
        for (; level > 1; level--)
        {
            entry = view.Page(memory, table)[(iova >> Entry.ShiftOf(level)) & 511];
            if ((entry & mask) != need)
                return TryUsualLarge(rules, iova, kind, table, path, level, entry, out walk);
            (upperTable, upperPath) = (table, path);
            path &= entry;
            table = entry & Entry.AddressMask;
        }

        entry = view.Page(memory, table)[(iova >> 12) & 511];
        need = TFormat.LeafNeed(kind);
        var physical = (entry & Entry.AddressMask) | (iova & 0xFFF);
        walk = new Walk { Table = table, Path = path, Level = 1, Leaf = entry, Physical = physical, UpperTable = upperTable, UpperPath = upperPath };
        return ((~entry & need) | (entry & rules.SmallLeafReserved)) == 0 && !Entry.InWindow(physical);
    }

    /// <summary>
    /// <see cref="TryUsual"/> for single-granule leaves in the library's own tables, of which nothing but the answer is kept:
    /// no walk in memory and no call in the loop, 8 ns for four levels in the caches instead of 16. It could break WLK if it answered
    /// what the other would not; it makes the same tests, and whatever else it meets it leaves to the other.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Answer(PhysicalMemory memory, WalkRules rules, ulong iova, AccessKind kind, ulong table, int level)
    {
        var (first, bytes, native) = (memory.TableBase, memory.WindowBytes, memory.WindowDistance);
        var need = TFormat.TableNeed(kind);
        var mask = need | rules.Unusual;
        for (var shift = Entry.ShiftOf(level); shift > 12; shift -= 9)
        {
            if (table - first >= bytes)
                return NoAnswer;
            // The table's address is added last: from one load to the next it takes one AND and no more.
            var entry = *(ulong*)(table + (native | ((iova >> shift) & 511) * 8));
            if ((entry & mask) != need)
                return NoAnswer;
            table = entry & Entry.AddressMask;
        }

        if (table - first >= bytes)
            return NoAnswer;
        var leaf = *(ulong*)(table + (native | ((iova >> 12) & 511) * 8));
        var physical = (leaf & Entry.AddressMask) | (iova & 0xFFF);
        return ((~leaf & TFormat.LeafNeed(kind)) | (leaf & rules.SmallLeafReserved)) != 0 || Entry.InWindow(physical) ? NoAnswer : physical;
    }

    private static bool TryUsualLarge(WalkRules rules, ulong iova, AccessKind kind, ulong table, ulong path, int level, ulong entry, out Walk walk)
    {
        var need = TFormat.LeafNeed(kind) | Entry.PageSize;
        var physical = OutputOf(entry, iova, level);
        walk = new Walk { Table = table, Path = path, Level = level, Leaf = entry, Physical = physical };
        return ((~entry & need) | (entry & rules.LeafReserved(level))) == 0 && !Entry.InWindow(physical);
    }

    /// <summary>The walk by the book: the fault reason, or 0 with the accessed and dirty bits stored.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static byte Exact(PhysicalMemory memory, WalkRules rules, ulong iova, AccessKind kind, ulong table, ulong path, int topLevel, out Walk walk)
    {
        walk = default;
        Span<ulong> entries = stackalloc ulong[6];
        Span<ulong> tables = stackalloc ulong[6];
        Span<ulong> paths = stackalloc ulong[6];
        tables[topLevel] = table;
        paths[topLevel] = path;
        var level = topLevel;
        while (true)
        {
            // Down from where we are: the top, or the entry that changed under the store of its accessed bit.
            for (; ; level--)
            {
                var entry = memory.ReadWord(EntryAddress(tables[level], iova, level));
                entries[level] = entry;
                var refusal = TFormat.Refusal(entry, kind);
                if (refusal != 0)
                    return refusal;
                var isLeaf = Entry.IsLeaf(entry, level);
                if ((entry & (isLeaf ? rules.LeafReserved(level) : rules.TableReserved(level))) != 0)
                    return TFormat.ReservedReason;
                if (isLeaf)
                    break;
                tables[level - 1] = entry & Entry.AddressMask;
                paths[level - 1] = paths[level] & entry;
            }

            walk.Physical = OutputOf(entries[level], iova, level);
            if (Entry.InWindow(walk.Physical))
                return TFormat.WindowReason;
            if (!TFormat.WritesBack)
                break;
            var changed = StoreTouched(memory, iova, kind, tables, entries, topLevel, level);
            if (changed == 0)
                break;
            level = changed;
        }

        // The entries above have their accessed bits by now, whatever they had when they were read.
        var stored = TFormat.Touched(0, false, kind);
        (walk.Level, walk.Table, walk.Path, walk.Leaf) = (level, tables[level], paths[level] | stored, entries[level]);
        if (level == 1 && topLevel >= 2)
            (walk.UpperTable, walk.UpperPath) = (tables[2], paths[2] | stored);
        return 0;
    }

    /// <summary>Stores accessed and dirty bits from the top down. Returns the level of an entry that had changed, or 0.</summary>
    private static int StoreTouched(PhysicalMemory memory, ulong iova, AccessKind kind, Span<ulong> tables, Span<ulong> entries, int topLevel, int leafLevel)
    {
        for (var level = topLevel; level >= leafLevel; level--)
        {
            var touched = TFormat.Touched(entries[level], level == leafLevel, kind);
            if (touched == entries[level])
                continue;
            if (memory.CompareExchangeWord(EntryAddress(tables[level], iova, level), entries[level], touched) != entries[level])
                return level;
            entries[level] = touched;
        }

        return 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong OutputOf(ulong leaf, ulong iova, int level)
    {
        var offsetMask = (1UL << Entry.ShiftOf(level)) - 1;
        return (leaf & Entry.AddressMask & ~offsetMask) | (iova & offsetMask);
    }

    private static ulong EntryAddress(ulong table, ulong iova, int level) =>
        table + ((iova >> Entry.ShiftOf(level)) & 511) * 8;
}
