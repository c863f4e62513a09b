using System.Runtime.CompilerServices;

namespace IommuImpl;

/// <summary>Where a walk starts and, when it succeeds, where it ends.</summary>
internal ref struct Walk
{
    public ulong Iova;
    public AccessKind Kind;

    /// <summary>The table to read next and its level; after a success those of the table that holds the leaf.</summary>
    public ulong Table;
    public int Level;

    /// <summary>AND of the entries above <see cref="Table"/>.</summary>
    public ulong Path;

    /// <summary>The level-2 table passed on the way to a level-1 leaf, 0 when none, and the AND of the entries above it.</summary>
    public ulong UpperTable, UpperPath;

    public ulong Leaf;
    public ulong Physical;
}

/// <summary>The page walk, for every format.</summary>
internal static unsafe class Walker<TFormat> where TFormat : struct, IPageFormat
{
    /// <summary>
    /// A walk on which nothing is unusual: every entry grants the access, needs no accessed or dirty bit stored and has no
    /// odd bit. One AND and one compare a level instead of four tests; any doubt goes to <see cref="Exact"/>, which alone
    /// decides about faults. It could break WLK if the mask missed a reserved bit.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryUsual(PhysicalMemory memory, WalkRules rules, ref Walk walk)
    {
        var iova = walk.Iova;
        var need = TFormat.TableNeed(walk.Kind);
        var mask = need | rules.Unusual;
        var table = walk.Table;
        var path = walk.Path;
        var level = walk.Level;
        ulong entry;
        for (; level > 2; level--)
        {
            entry = memory.Page(table)[(iova >> Entry.ShiftOf(level)) & 511];
            if ((entry & mask) != need)
                return level == 3 && IsUsualLeaf(rules, ref walk, entry, table, path, 3);
            path &= entry;
            table = entry & Entry.AddressMask;
        }

        if (level == 2)
        {
            entry = memory.Page(table)[(iova >> 21) & 511];
            if ((entry & mask) != need)
                return IsUsualLeaf(rules, ref walk, entry, table, path, 2);
            walk.UpperTable = table;
            walk.UpperPath = path;
            path &= entry;
            table = entry & Entry.AddressMask;
        }

        entry = memory.Page(table)[(iova >> 12) & 511];
        return IsUsualLeaf(rules, ref walk, entry, table, path, 1);
    }

    /// <summary>The walk by the book: the fault reason, or 0 with the accessed and dirty bits stored.</summary>
    public static byte Exact(PhysicalMemory memory, WalkRules rules, ref Walk walk)
    {
        var topLevel = walk.Level;
        Span<ulong> entries = stackalloc ulong[6];
        Span<ulong> tables = stackalloc ulong[6];
        Span<ulong> paths = stackalloc ulong[6];
        tables[topLevel] = walk.Table;
        paths[topLevel] = walk.Path;
        var level = topLevel;
        while (true)
        {
            // Down from where we are: the top, or the entry that changed under the store of its accessed bit.
            for (; ; level--)
            {
                var entry = memory.ReadWord(EntryAddress(tables[level], walk.Iova, level));
                entries[level] = entry;
                var refusal = TFormat.Refusal(entry, walk.Kind);
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

            walk.Physical = OutputOf(entries[level], walk.Iova, level);
            if (Entry.InWindow(walk.Physical))
                return TFormat.WindowReason;
            if (!TFormat.WritesBack)
                break;
            var changed = StoreTouched(memory, walk.Iova, walk.Kind, tables, entries, topLevel, level);
            if (changed == 0)
                break;
            level = changed;
        }

        // The entries above have their accessed bits by now, whatever they had when they were read.
        var stored = TFormat.Touched(0, false, walk.Kind);
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
    private static bool IsUsualLeaf(WalkRules rules, ref Walk walk, ulong entry, ulong table, ulong path, int level)
    {
        var need = TFormat.LeafNeed(walk.Kind) | (level > 1 ? Entry.PageSize : 0);
        if (((~entry & need) | (entry & rules.LeafReserved(level))) != 0)
            return false;
        var physical = OutputOf(entry, walk.Iova, level);
        if (Entry.InWindow(physical))
            return false;
        walk.Table = table;
        walk.Path = path;
        walk.Level = level;
        walk.Leaf = entry;
        walk.Physical = physical;
        return true;
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
