using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace IommuImpl;

/// <summary>Map for every format: the caller has checked that the range is legal and that no leaf lies in it.</summary>
internal static unsafe class TableEditor<TFormat> where TFormat : struct, IPageFormat
{
    private const int None = Domain.NoTable;

    /// <summary>What one map call carries down the levels.</summary>
    private ref struct Job
    {
        public TableStore Store;
        public Domain Domain;

        /// <summary>Bits of every leaf beside address and page size.</summary>
        public ulong LeafBits;

        /// <summary>Physical address - IOVA, modulo 2^64.</summary>
        public ulong Offset;

        /// <summary>Last table made by this call; they are chained by TableInfo.MadeBefore.</summary>
        public int Made;

        /// <summary>First byte not mapped, when the call ran out of memory.</summary>
        public ulong Reached;
    }

    /// <summary>Maps [first, last] with the fewest leaves. False: out of memory, and nothing has changed.</summary>
    public static bool Map(TableStore store, Domain domain, ulong first, ulong last, ulong physical, Rights rights)
    {
        var job = new Job { Store = store, Domain = domain, LeafBits = TFormat.LeafBits(rights, store.Options), Offset = physical - first, Made = None };
        if (first >> 21 == domain.RecentRegion && last >> 21 == domain.RecentRegion && last - first != 0x1F_FFFF)
        {
            Fill(ref job, domain.RecentTable, first, last);
        }
        else if (!MapBelow(ref job, domain.Root, store.Levels, first, last))
        {
            Undo(ref job, first);
            return false;
        }

        domain.MappedBytes += last - first + 1;
        if (store.MarksMappings)
            Mark(store, domain, first, last);
        if (store.MayPromote)
            Promote(store, domain, first, last);
        return true;
    }

    private static bool MapBelow(ref Job job, int table, int level, ulong first, ulong last)
    {
        if (level == 1)
        {
            Fill(ref job, table, first, last);
            job.Domain.RecentRegion = first >> 21;
            job.Domain.RecentTable = table;
            return true;
        }

        var shift = Entry.ShiftOf(level);
        var slotBytes = 1UL << shift;
        var leafAllowed = (job.Store.Rules.LeafLevels >> level & 1) != 0 && (job.Offset & (slotBytes - 1)) == 0;
        while (true)
        {
            var slotLast = Math.Min(last, first | (slotBytes - 1));
            if (leafAllowed && slotLast - first == slotBytes - 1)
                PutLargeLeaf(ref job, table, level, first);
            else if (!MapInSlot(ref job, table, level, first, slotLast))
                return false;
            if (slotLast == last)
                return true;
            first = slotLast + 1;
        }
    }

    private static bool MapInSlot(ref Job job, int table, int level, ulong first, ulong last)
    {
        var pool = job.Store.Pool;
        var slot = TableStore.IndexOf(first, level);
        var entry = pool.Entries(table)[slot];
        var child = entry != 0 ? job.Store.Child(entry) : MakeTable(ref job, table, slot, level - 1, first);
        if (child != None)
            return MapBelow(ref job, child, level - 1, first, last);
        job.Reached = first;
        return false;
    }

    private static int MakeTable(ref Job job, int parent, int slot, int level, ulong iova)
    {
        var pool = job.Store.Pool;
        var child = pool.Allocate(parent, slot, level, iova & ~((1UL << Entry.ShiftOf(level + 1)) - 1));
        if (child == None)
            return None;
        pool.Info(child).MadeBefore = job.Made;
        job.Made = child;
        pool.Entries(parent)[slot] = TFormat.TableEntry(pool.AddressOf(child));
        pool.Info(parent).Count++;
        return child;
    }

    // No leaf lies in the range, so a table found here is empty all the way down. It goes at once, which is safe because
    // freeing it also drops the walk cache's pointers to it (design rule: it could break INV-2 and MAP otherwise).
    private static void PutLargeLeaf(ref Job job, int table, int level, ulong iova)
    {
        var pool = job.Store.Pool;
        var slot = TableStore.IndexOf(iova, level);
        var old = pool.Entries(table)[slot];
        if (old == 0)
            pool.Info(table).Count++;
        pool.Entries(table)[slot] = (iova + job.Offset) | job.LeafBits | Entry.PageSize;
        if (old != 0)
            job.Store.FreeSubtree(job.Domain, job.Store.Child(old));
    }

    private static void Fill(ref Job job, int table, ulong first, ulong last)
    {
        var slot = TableStore.IndexOf(first, 1);
        var count = TableStore.IndexOf(last, 1) - slot + 1;
        FillRun(job.Store.Pool, table, slot, count, (first + job.Offset) | job.LeafBits);
    }

    /// <summary>Puts contiguous leaves into empty entries of a level-1 table.</summary>
    public static void Fill(TableStore store, int table, int slot, int count, ulong physical, Rights rights) =>
        FillRun(store.Pool, table, slot, count, physical | TFormat.LeafBits(rights, store.Options));

    private static void FillRun(TablePool pool, int table, int slot, int count, ulong entry)
    {
        pool.Info(table).Count += (ushort)count;
        var entries = pool.Entries(table) + slot;
        var i = 0;
        if (count >= Vector256<ulong>.Count * 2)
        {
            // Four entries a store: a run of 256 takes 35 ns instead of 139.
            var step = Vector256.Create(4096UL * (ulong)Vector256<ulong>.Count);
            var four = Vector256.Create(entry) + Vector256.Create(0UL, 4096, 8192, 12288);
            for (; i <= count - Vector256<ulong>.Count; i += Vector256<ulong>.Count, four += step)
                four.Store(entries + i);
        }

        for (; i < count; i++)
            entries[i] = entry + (ulong)i * 4096;
    }

    /// <summary>Takes back what a call that ran out of memory had mapped, and the tables that it made.</summary>
    private static void Undo(ref Job job, ulong first)
    {
        var (store, domain) = (job.Store, job.Domain);
        // Removing counts down what has not been counted as mapped yet.
        var mappedBytes = domain.MappedBytes;
        if (job.Reached != first)
            LeafRemover.RemoveAll(store, domain, first, job.Reached - 1);
        domain.MappedBytes = mappedBytes;
        // Youngest first, so a table goes before the one above it.
        for (var table = job.Made; table != None;)
        {
            var before = store.Pool.Info(table).MadeBefore;
            store.Unlink(domain, table);
            table = before;
        }
    }

    /// <summary>Marks the first and the last leaf, so that unmap can tell one call's mapping from its neighbours.</summary>
    /// <remarks>Two spare bits in leaves that exist anyway replace a sorted list of mappings: no search, no allocation.</remarks>
    private static void Mark(TableStore store, Domain domain, ulong first, ulong last)
    {
        store.Descend(domain, first, out var table, out var level);
        store.Pool.Entries(table)[TableStore.IndexOf(first, level)] |= Entry.Begin;
        store.Descend(domain, last, out table, out level);
        store.Pool.Entries(table)[TableStore.IndexOf(last, level)] |= Entry.End;
    }

    /// <summary>Makes larger leaves where this call has completed a table of equal, contiguous ones.</summary>
    private static void Promote(TableStore store, Domain domain, ulong first, ulong last)
    {
        PromoteAround(store, domain, first);
        if (last >> 21 != first >> 21)
            PromoteAround(store, domain, last);
    }

    private static void PromoteAround(TableStore store, Domain domain, ulong iova)
    {
        store.Descend(domain, iova, out var table, out var level);
        while (level < 3 && IsPromotable(store, table, level))
        {
            var pool = store.Pool;
            var parent = pool.Info(table).Parent;
            var leaf = pool.Entries(table)[0] | Entry.PageSize;
            pool.Entries(parent)[pool.Info(table).Slot] = leaf;
            store.FreeSubtree(domain, table);
            table = parent;
            level++;
        }
    }

    private static bool IsPromotable(TableStore store, int table, int level)
    {
        var pool = store.Pool;
        if (pool.Info(table).Count != 512 || (store.Rules.LeafLevels >> (level + 1) & 1) == 0)
            return false;
        var entries = pool.Entries(table);
        if ((entries[0] & Entry.AddressMask & ((1UL << Entry.ShiftOf(level + 1)) - 1)) != 0)
            return false;
        for (var slot = 0; slot < 512; slot++)
        {
            if (entries[slot] != entries[0] + ((ulong)slot << Entry.ShiftOf(level)) || !Entry.IsLeaf(entries[slot], level))
                return false;
        }

        return true;
    }
}
