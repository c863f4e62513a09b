namespace IommuImpl;

/// <summary>Replaces a leaf by a table of smaller ones with the same meaning (policy Split).</summary>
internal static unsafe class LeafSplitter<TFormat> where TFormat : struct, IPageFormat
{
    /// <summary>Makes a leaf boundary at an address. False: out of memory; no translation has changed either way.</summary>
    /// <remarks>What caches hold of the larger leaf stays right: every part translates as before.</remarks>
    public static bool TrySplitAt(TableStore store, Domain domain, ulong boundary)
    {
        if (!store.Contains(boundary, boundary))
            return true;
        while (true)
        {
            var entry = store.Descend(domain, boundary, out var table, out var level);
            if (entry == 0 || (boundary & ((1UL << Entry.ShiftOf(level)) - 1)) == 0)
                return true;
            var slot = TableStore.IndexOf(boundary, level);
            var child = MakeParts(store, domain, table, slot, level - 1, boundary, entry);
            if (child == Domain.NoTable)
                return false;
            store.Pool.Entries(table)[slot] = TFormat.TableEntry(store.Pool.AddressOf(child));
        }
    }

    /// <summary>A table of a level whose leaves mean what one leaf above means, or -1.</summary>
    private static int MakeParts(TableStore store, Domain domain, int parent, int slot, int level, ulong iova, ulong leaf)
    {
        var pool = store.Pool;
        var child = pool.Allocate(parent, slot, level, iova & ~((1UL << Entry.ShiftOf(level + 1)) - 1));
        if (child == Domain.NoTable)
            return child;
        var isLeafLevel = (store.Rules.LeafLevels >> level & 1) != 0;
        var first = level == 1 ? leaf & ~Entry.PageSize : leaf;
        for (var i = 0; i < 512; i++)
        {
            var part = first + ((ulong)i << Entry.ShiftOf(level));
            if (!isLeafLevel)
            {
                // No leaf of this size exists (1 GiB without 2 MiB): the parts are tables in their turn.
                var grandchild = MakeParts(store, domain, child, i, level - 1, pool.Info(child).Base | ((ulong)i << Entry.ShiftOf(level)), part);
                if (grandchild == Domain.NoTable)
                {
                    store.FreeSubtree(domain, child);
                    return grandchild;
                }

                part = TFormat.TableEntry(pool.AddressOf(grandchild));
            }

            pool.Entries(child)[i] = part;
            pool.Info(child).Count++;
        }

        return child;
    }
}
