namespace IommuImpl;

/// <summary>Unmap: leaves are found and cleared alike in every format.</summary>
internal static unsafe partial class LeafRemover
{
    /// <summary>Removes every leaf in [first, last], which no leaf crosses. Returns the bytes removed.</summary>
    public static ulong RemoveAll(TableStore store, Domain domain, ulong first, ulong last)
    {
        ulong removed = 0;
        for (var half = 0; half < 2; half++)
        {
            var (at, end) = (first, last);
            if (!store.Clip(ref at, ref end, half))
                continue;
            while (true)
            {
                var next = RemoveHere(store, domain, at, end, ref removed);
                if (next >= end)
                    break;
                at = next + 1;
            }
        }

        domain.MappedBytes -= removed;
        return removed;
    }

    /// <summary>Clears the leaf, or the run of small leaves, at an address; a hole is skipped. Returns the last byte dealt with.</summary>
    private static ulong RemoveHere(TableStore store, Domain domain, ulong at, ulong last, ref ulong removed)
    {
        var entry = store.Descend(domain, at, out var table, out var level);
        if (level == 1)
        {
            var tableLast = Math.Min(last, at | 0x1F_FFFF);
            removed += (ulong)ClearRun(store, domain, table, TableStore.IndexOf(at, 1), TableStore.IndexOf(tableLast, 1)) << 12;
            return tableLast;
        }

        var slotBytes = 1UL << Entry.ShiftOf(level);
        if (entry != 0)
        {
            ClearEntry(store, domain, table, TableStore.IndexOf(at, level));
            removed += slotBytes;
        }

        return at | (slotBytes - 1);
    }

    /// <summary>Clears the entries of a level-1 table from one index to another, both inclusive. Returns how many were not empty.</summary>
    public static int ClearRun(TableStore store, Domain domain, int table, int slot, int lastSlot)
    {
        ref var info = ref store.Pool.Info(table);
        if (info.Count == 0)
            return 0;
        int count;
        if (slot == lastSlot)
        {
            var entry = store.Pool.Entries(table) + slot;
            count = *entry == 0 ? 0 : 1;
            *entry = 0;
        }
        else
        {
            var entries = new Span<ulong>(store.Pool.Entries(table) + slot, lastSlot - slot + 1);
            count = entries.Length - entries.Count(0UL);
            entries.Clear();
        }

        if (count == 0)
            return 0;
        info.Count -= (ushort)count;
        if (info.Count == 0)
            store.NoteEmptied(domain, table);
        return count;
    }

    private static void ClearEntry(TableStore store, Domain domain, int table, int slot)
    {
        store.Pool.Entries(table)[slot] = 0;
        if (--store.Pool.Info(table).Count == 0)
            store.NoteEmptied(domain, table);
    }

    /// <summary>Policy Leaf: whole leaves upward from the start until the first hole. Returns the bytes removed.</summary>
    public static ulong RemoveLeaves(TableStore store, Domain domain, ulong first, ulong last)
    {
        var inRange = false;
        for (var half = 0; half < 2 && !inRange; half++)
        {
            // What follows the end of a half is a hole: nothing beyond it can be reached.
            var (clippedFirst, clippedLast) = (first, last);
            if (store.Clip(ref clippedFirst, ref clippedLast, half) && clippedFirst == first)
                (inRange, last) = (true, clippedLast);
        }

        ulong removed = 0;
        for (var at = first; inRange;)
        {
            var entry = store.Descend(domain, at, out var table, out var level);
            ulong lastHere;
            if (level == 1)
            {
                var slot = TableStore.IndexOf(at, 1);
                var wanted = TableStore.IndexOf(Math.Min(last, at | 0x1F_FFFF), 1) - slot + 1;
                var present = new ReadOnlySpan<ulong>(store.Pool.Entries(table) + slot, wanted).IndexOf(0UL);
                var run = present < 0 ? wanted : present;
                if (run > 0)
                    ClearRun(store, domain, table, slot, slot + run - 1);
                removed += (ulong)run << 12;
                if (run < wanted)
                    break;
                lastHere = at + ((ulong)run << 12) - 1;
            }
            else
            {
                var slotBytes = 1UL << Entry.ShiftOf(level);
                if (entry == 0 || (at & (slotBytes - 1)) != 0)
                    break;
                ClearEntry(store, domain, table, TableStore.IndexOf(at, level));
                removed += slotBytes;
                lastHere = at + slotBytes - 1;
            }

            if (lastHere >= last)
                break;
            at = lastHere + 1;
        }

        domain.MappedBytes -= removed;
        return removed;
    }
}
