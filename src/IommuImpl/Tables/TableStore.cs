using System.Runtime.CompilerServices;

namespace IommuImpl;

/// <summary>
/// The tables of all domains: links, counts, and when an emptied table may go. An emptied table stays linked until an
/// invalidation that covers it (or until a leaf takes its place), and the walk cache's pointer to it is dropped in the same
/// step; so no cached pointer ever leads to memory that means something else, nor past a later mapping.
/// </summary>
internal sealed unsafe class TableStore(TablePool pool, WalkRules rules, WalkCache walkCache)
{
    private const int None = Domain.NoTable;

    public TablePool Pool => pool;

    public WalkRules Rules => rules;

    public IommuOptions Options { get; private set; } = new();

    /// <summary>Input width in bits; the first stage has one half of this at either end of the space.</summary>
    public int InputBits { get; private set; }

    public int Levels { get; private set; }

    /// <summary>
    /// Promotion is asked for and nobody can tell: policy Leaf removes leaves as they are, so a larger one would change what
    /// an unmap does.
    /// </summary>
    public bool MayPromote { get; private set; }

    /// <summary>The unmap policy asks where mappings begin and end, so their first and last leaves are marked.</summary>
    public bool MarksMappings { get; private set; }

    public void Reset(IommuOptions options)
    {
        Options = options;
        Levels = options.Levels;
        InputBits = 12 + 9 * Levels;
        if (options.Format == TableFormat.VtdSecondStage)
            InputBits = Math.Min(InputBits, options.IovaBits);
        MayPromote = options.PromoteSuperpages && options.Unmap != UnmapPolicy.Leaf;
        MarksMappings = options.Unmap is UnmapPolicy.WholeMapping or UnmapPolicy.Area;
        pool.Reset(options.PhysicalBits);
    }

    /// <summary>The part of [first, last] in one half of the input range: 0 the lower (or only) one, 1 the upper.</summary>
    public bool Clip(ref ulong first, ref ulong last, int half)
    {
        var signExtended = Options.Format == TableFormat.X86FirstStage;
        var lowerLast = (1UL << (signExtended ? InputBits - 1 : InputBits)) - 1;
        if (half == 0)
        {
            last = Math.Min(last, lowerLast);
        }
        else
        {
            if (!signExtended)
                return false;
            first = Math.Max(first, ~lowerLast);
        }

        return first <= last;
    }

    /// <summary>[first, last] lies in one half of the input range.</summary>
    public bool Contains(ulong first, ulong last)
    {
        for (var half = 0; half < 2; half++)
        {
            var (clippedFirst, clippedLast) = (first, last);
            if (Clip(ref clippedFirst, ref clippedLast, half) && clippedFirst == first && clippedLast == last)
                return true;
        }

        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int IndexOf(ulong iova, int level) => (int)(iova >> Entry.ShiftOf(level)) & 511;

    /// <summary>The table below an entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Child(ulong entry) => pool.TableAt(entry & Entry.AddressMask);

    /// <summary>Goes down to the entry that is not a table: a leaf, or empty. The address must be in the input range.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Descend(Domain domain, ulong iova, out int table, out int level)
    {
        if (iova >> 21 == domain.RecentRegion)
        {
            level = 1;
            table = domain.RecentTable;
            return pool.Entries(table)[IndexOf(iova, 1)];
        }

        return DescendFromRoot(domain, iova, out table, out level);
    }

    private ulong DescendFromRoot(Domain domain, ulong iova, out int table, out int level)
    {
        table = domain.Root;
        for (level = Levels; ; level--)
        {
            var entry = pool.Entries(table)[IndexOf(iova, level)];
            if (level == 1)
            {
                domain.RecentRegion = iova >> 21;
                domain.RecentTable = table;
                return entry;
            }

            if (entry == 0 || Entry.IsLeaf(entry, level))
                return entry;
            table = Child(entry);
        }
    }

    /// <summary>The level-1 table over an address becomes the one used last. False: there is none, or the address is out of range.</summary>
    public bool TryApproach(Domain domain, ulong iova)
    {
        var unusedBits = 64 - InputBits;
        var inRange = Options.Format == TableFormat.X86FirstStage ? (ulong)((long)(iova << unusedBits) >> unusedBits) : iova << unusedBits >> unusedBits;
        if (inRange != iova)
            return false;
        var table = domain.Root;
        for (var level = Levels; level > 1; level--)
        {
            var entry = pool.Entries(table)[IndexOf(iova, level)];
            if (entry == 0 || Entry.IsLeaf(entry, level))
                return false;
            table = Child(entry);
        }

        (domain.RecentRegion, domain.RecentTable) = (iova >> 21, table);
        return true;
    }

    /// <summary>A leaf lies in [first, last], which must be in one half of the input range.</summary>
    public bool IsOccupied(Domain domain, ulong first, ulong last)
    {
        if (first >> 21 == domain.RecentRegion && last >> 21 == domain.RecentRegion)
            return IsOccupied(domain.RecentTable, 1, first, last);
        return IsOccupied(domain.Root, Levels, first, last);
    }

    private bool IsOccupied(int table, int level, ulong first, ulong last)
    {
        if (pool.Info(table).Count == 0)
            return false;
        var (slot, lastSlot) = (IndexOf(first, level), IndexOf(last, level));
        var entries = new ReadOnlySpan<ulong>(pool.Entries(table), 512);
        if (level == 1)
            return entries[slot..(lastSlot + 1)].ContainsAnyExcept(0UL);
        for (; slot <= lastSlot; slot++)
        {
            var entry = entries[slot];
            var slotLast = first | ((1UL << Entry.ShiftOf(level)) - 1);
            if (entry != 0 && (Entry.IsLeaf(entry, level) || IsOccupied(Child(entry), level - 1, first, Math.Min(last, slotLast))))
                return true;
            first = slotLast + 1;
        }

        return false;
    }

    /// <summary>Puts a table that has become empty on the domain's list, once.</summary>
    public void NoteEmptied(Domain domain, int table)
    {
        ref var info = ref pool.Info(table);
        if (info.IsEmptied || info.Parent == None)
            return;
        info.IsEmptied = true;
        info.Previous = None;
        info.Next = domain.FirstEmptied;
        if (info.Next != None)
            pool.Info(info.Next).Previous = table;
        domain.FirstEmptied = table;
    }

    /// <summary>An invalidation covers a part of [first, last]: frees the emptied tables there, and what that empties above.</summary>
    public void FreeEmptied(Domain domain, ulong first, ulong last)
    {
        // A table above that becomes empty joins the list at its head, so one more pass each time something was freed.
        while (domain.FirstEmptied != None && FreeEmptiedOnce(domain, first, last))
        {
        }
    }

    private bool FreeEmptiedOnce(Domain domain, ulong first, ulong last)
    {
        var freed = false;
        for (var table = domain.FirstEmptied; table != None;)
        {
            ref var info = ref pool.Info(table);
            var next = info.Next;
            var tableLast = info.Base | ((1UL << Entry.ShiftOf(info.Level + 1)) - 1);
            if (info.Count != 0)
            {
                LeaveEmptied(domain, table);
            }
            else if (info.Base <= last && tableLast >= first)
            {
                Unlink(domain, table);
                freed = true;
            }

            table = next;
        }

        return freed;
    }

    /// <summary>Takes an empty table out of its parent and frees it.</summary>
    public void Unlink(Domain domain, int table)
    {
        ref var info = ref pool.Info(table);
        if (info.IsEmptied)
            LeaveEmptied(domain, table);
        pool.Entries(info.Parent)[info.Slot] = 0;
        if (--pool.Info(info.Parent).Count == 0)
            NoteEmptied(domain, info.Parent);
        Release(domain, table);
    }

    /// <summary>Frees a table that nothing in memory points to any more, and forgets every shortcut to it.</summary>
    private void Release(Domain domain, int table)
    {
        ref var info = ref pool.Info(table);
        if (domain.RecentTable == table)
        {
            domain.RecentRegion = Domain.NoRegion;
            domain.RecentTable = None;
        }

        if (info.Level <= 2)
            walkCache.Drop(domain.Tag, info.Base, info.Level);
        pool.Free(table);
    }

    private void LeaveEmptied(Domain domain, int table)
    {
        ref var info = ref pool.Info(table);
        info.IsEmptied = false;
        if (info.Previous == None)
            domain.FirstEmptied = info.Next;
        else
            pool.Info(info.Previous).Next = info.Next;
        if (info.Next != None)
            pool.Info(info.Next).Previous = info.Previous;
    }

    /// <summary>Frees a table with everything below it, leaves included. The caller has taken it out of its parent.</summary>
    public void FreeSubtree(Domain domain, int table)
    {
        ref var info = ref pool.Info(table);
        var entries = pool.Entries(table);
        for (var slot = 0; slot < 512 && info.Count != 0; slot++)
        {
            var entry = entries[slot];
            if (entry == 0)
                continue;
            entries[slot] = 0;
            info.Count--;
            if (!Entry.IsLeaf(entry, info.Level))
                FreeSubtree(domain, Child(entry));
        }

        if (info.IsEmptied)
            LeaveEmptied(domain, table);
        Release(domain, table);
    }
}
