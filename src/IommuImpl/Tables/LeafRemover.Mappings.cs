namespace IommuImpl;

/// <summary>Unmap policies that look at mappings (what one map call made) instead of leaves.</summary>
internal static unsafe partial class LeafRemover
{
    /// <summary>Policy WholeMapping: the range does not cut a mapping at its first or last byte.</summary>
    public static bool EndsAreWhole(TableStore store, Domain domain, ulong first, ulong last) =>
        StartsWhole(store, domain, first) && EndsWhole(store, domain, last);

    private static bool StartsWhole(TableStore store, Domain domain, ulong first)
    {
        if (!TryLeaf(store, domain, first, out var leaf, out var leafBytes))
            return true;
        return (first & (leafBytes - 1)) == 0 && (leaf & Entry.Begin) != 0;
    }

    private static bool EndsWhole(TableStore store, Domain domain, ulong last)
    {
        if (!TryLeaf(store, domain, last, out var leaf, out var leafBytes))
            return true;
        return (last & (leafBytes - 1)) == leafBytes - 1 && (leaf & Entry.End) != 0;
    }

    /// <summary>Policy Area: mapping by mapping upward, until one that the range cuts. Addresses need no alignment.</summary>
    /// <returns>Done, NotMapped when no mapping meets the range, or Partial.</returns>
    public static Status RemoveAreas(TableStore store, Domain domain, ulong first, ulong last, out ulong removed)
    {
        removed = 0;
        for (var half = 0; half < 2; half++)
        {
            var (at, end) = (first, last);
            if (!store.Clip(ref at, ref end, half))
                continue;
            while (true)
            {
                var areaLast = SlotLast(store, domain, at, out var leaf);
                if (leaf != 0)
                {
                    var start = at;
                    if (!StartsWhole(store, domain, start) || (areaLast = AreaLast(store, domain, start)) > end)
                        return Status.Partial;
                    removed += RemoveAll(store, domain, start, areaLast);
                }

                if (areaLast >= end)
                    break;
                at = areaLast + 1;
            }
        }

        return removed == 0 ? Status.NotMapped : Status.Done;
    }

    /// <summary>Last byte of the mapping whose first byte is given.</summary>
    private static ulong AreaLast(TableStore store, Domain domain, ulong at)
    {
        while (true)
        {
            var leaf = store.Descend(domain, at, out var table, out var level);
            var slotLast = at | ((1UL << Entry.ShiftOf(level)) - 1);
            if (level == 1)
            {
                // Along the table without going down to each entry.
                var entries = store.Pool.Entries(table);
                for (var slot = TableStore.IndexOf(at, 1); slot < 511 && (leaf & Entry.End) == 0; slotLast += 4096)
                    leaf = entries[++slot];
            }

            if ((leaf & Entry.End) != 0)
                return slotLast;
            at = slotLast + 1;
        }
    }

    /// <summary>Last byte of the leaf, or of the hole as far as one entry tells, that holds an address; leaf is 0 for a hole.</summary>
    private static ulong SlotLast(TableStore store, Domain domain, ulong at, out ulong leaf)
    {
        leaf = store.Descend(domain, at, out _, out var level);
        return at | ((1UL << Entry.ShiftOf(level)) - 1);
    }

    private static bool TryLeaf(TableStore store, Domain domain, ulong at, out ulong leaf, out ulong leafBytes)
    {
        (leaf, leafBytes) = (0, 0);
        if (!store.Contains(at, at))
            return false;
        leaf = store.Descend(domain, at, out _, out var level);
        leafBytes = 1UL << Entry.ShiftOf(level);
        return leaf != 0;
    }
}
