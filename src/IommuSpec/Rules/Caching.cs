using System.Collections.Immutable;
using IommuSpec.Formats;

namespace IommuSpec.Rules;

/// <summary>A context as it is, or as the context cache remembers it.</summary>
/// <param name="Is">What it says.</param>
/// <param name="IsStale">Memory says something else.</param>
/// <param name="IsEnded">No cache remembers it, and only translations that were remembered through it are left.</param>
public readonly record struct RememberedContext(ContextResult Is, bool IsStale, bool IsEnded = false);

/// <summary>
/// INV at the hardware level: what caches may remember of tables in memory, and which command ends what.
/// A cache remembers a prefix of a walk: the entries from the root down to some level, each as it was at some time since the
/// last command that ends the caching of that prefix. Below the prefix the walk reads memory as it is.
/// </summary>
public static class Caching
{
    private const long Never = 0;
    private const long StillHeld = Word.StillHeld;

    // INV-5  A walk may start from a remembered prefix instead of the root: down to a leaf, or down to a pointer to a table.
    [Rule(RuleId.Inv5, "a walk may start from any prefix of entries that a cache may still remember, and reads memory below it",
        Source = "VT-d 6.2, IOTLB and paging-structure caches; Linux: a table may be reused only after its invalidation without leaf-only hint")]
    public static IReadOnlyList<Answer> Walks(State state, RememberedContext remembered, ulong iova, AccessKind kind)
    {
        ContextResult context = remembered.Is;
        long earliest = EarliestRemembered(state, context.DomainId, iova);
        bool keepsClean = kind == AccessKind.Write && KeepsClean(state, context, iova);
        if (remembered.IsEnded ? !UsedSinceFlush(state, context, iova) : !keepsClean && NothingToRemember(state, context, iova, earliest))
            return [];
        List<Answer> found = [];
        List<Reached> tables = [];
        for (int level = PageTableFormat.HighestLevel; level >= 0; level--)
        {
            AddRoots(tables, state, context, level + 1, earliest);
            Search search = new(state, iova, kind, keepsClean, level, earliest, Times(state, context, iova, level));
            List<Answer> throughPointers = [];
            List<Reached> below = [];
            foreach (Reached table in tables)
                Follow(search, table, found, throughPointers, below);
            if (!remembered.IsEnded)
                found.AddRange(throughPointers);
            tables = below;
        }
        return found;
    }

    // WLK-6  Where the platform says so, a write may use what a read left, and leaves the dirty bit as it is.
    [Rule(RuleId.Wlk6, "where a platform declares it, a write by a translation that a read left in a cache may leave the dirty bit clear",
        Source = "a deviation from VT-d 3.6 that is declared of QEMU: vtd_do_iommu_translate, IOTLB hits")]
    private static bool KeepsClean(State state, ContextResult context, ulong iova) =>
        state.Platform.CachedWritesKeepClean && UsedSinceFlush(state, context, iova);

    /// <summary>Whether a request was translated through a context's tables after the last command that ends leaves at an address.</summary>
    public static bool UsedSinceFlush(State state, ContextResult context, ulong iova)
    {
        long flushed = LastFlush(state, context.DomainId, AddressRange.Block(iova, Platform.GranuleLg2), endsPointers: false);
        foreach (UsedRoot used in state.Hardware.UsedRoots)
        {
            if (used.DomainId == context.DomainId && used.Root == context.Root && used.LevelCount == context.LevelCount && used.Last > flushed)
                return true;
        }
        return false;
    }

    /// <summary>Since when entries of a level are remembered: leaves, the pointers that led to a leaf's table, and pointers as what a walk starts from.</summary>
    private readonly record struct RememberedSince(long Leaf, long PathToLeaf, long Pointer);

    private static RememberedSince Times(State state, ContextResult context, ulong iova, int level)
    {
        // Deeper tables of an older root only lead down to the levels that the context in use has.
        if (level >= context.LevelCount)
            return new(StillHeld, StillHeld, StillHeld);
        long leaf = LastFlush(state, context.DomainId, AddressRange.Block(iova, Platform.GranuleLg2), endsPointers: false);
        // A leaf may have been fetched through a pointer that was older than it, just after the command that ended leaves alone.
        long path = level == context.LevelCount - 1 ? leaf
            : LastFlush(state, context.DomainId, AddressRange.Block(iova, PageTableFormat.SpanLg2(level + 1)), endsPointers: true, notAfter: leaf);
        return new(leaf, path, LastFlush(state, context.DomainId, AddressRange.Block(iova, PageTableFormat.SpanLg2(level)), endsPointers: true));
    }

    /// <summary>What is looked for in the tables of one level.</summary>
    private sealed record Search(State State, ulong Iova, AccessKind Kind, bool KeepsClean, int Level, long Earliest, RememberedSince Since);

    /// <summary>A table that remembered entries lead to.</summary>
    /// <param name="Table">Its physical address.</param>
    /// <param name="Denied">The first of the entries that denies the access: rights are remembered with the pointer.</param>
    /// <param name="Until">Until when memory led there: the first of the entries that was replaced.</param>
    private readonly record struct Reached(ulong Table, EntryMeaning? Denied, long Until);

    // Many paths may lead to one table: it is looked through once, for the path that was there last.
    private static void AddNew(List<Reached> tables, Reached table)
    {
        int index = tables.FindIndex(other => other.Table == table.Table && other.Denied == table.Denied);
        if (index < 0)
            tables.Add(table);
        else if (tables[index].Until < table.Until)
            tables[index] = table;
    }

    /// <summary>The root table in use, and those that requests of the same domain id were translated through, of so many levels.</summary>
    private static void AddRoots(List<Reached> tables, State state, ContextResult context, int levelCount, long since)
    {
        if (context.LevelCount == levelCount)
            AddNew(tables, new(context.Root, null, StillHeld));
        foreach (UsedRoot used in state.Hardware.UsedRoots)
        {
            if (used.LevelCount == levelCount && used.DomainId == context.DomainId && used.Last > since)
                AddNew(tables, new(used.Root, null, used.Last));
        }
    }

    /// <summary>What the values of one table's entry lead to: answers of leaves, answers of walks that start below a pointer, tables below.</summary>
    private static void Follow(Search search, Reached from, List<Answer> leaves, List<Answer> throughPointers, List<Reached> below)
    {
        (State state, ulong iova, AccessKind kind, bool keepsClean, int level, long earliest, RememberedSince since) = search;
        if (!state.Platform.CanReadEntry(from.Table))
            return;
        Word entry = state.Hardware.Read(PageTableFormat.EntryAddress(from.Table, level, iova));
        for (int i = 0; i <= entry.Past.Length; i++)
        {
            (ulong value, long until) = entry.ValueAt(i);
            // Below an entry that denies the access, what is remembered is what a read left.
            if (until <= earliest || !MayBeRemembered(state, level, value, from.Denied is null ? kind : AccessKind.Read, keepsClean))
                continue;
            bool isPointer = IsPointer(state, level, value);
            ulong address = state.Format.Address(level, !isPointer, value);
            EntryMeaning? denied = from.Denied ?? Denial(state, level, value, kind);
            Reached to = new(address, denied, Math.Min(from.Until, until));
            if (isPointer)
                AddNew(below, to);
            if (isPointer && to.Until > since.Pointer)
                throughPointers.Add(Stale(denied is { } stops ? new(Outcome.Faulted(stops.Reason), stops.Rule) : TableWalk.Below(state, level - 1, address, iova, kind, [])));
            if (!isPointer && until > since.Leaf && from.Until > since.PathToLeaf)
                leaves.Add(Stale(denied is { } stops ? new(Outcome.Faulted(stops.Reason), stops.Rule) : TableWalk.Leaf(state, level, TableWalk.InPage(address, level, iova), [])));
        }
    }

    private static bool IsPointer(State state, int level, ulong entry) => state.Format.IsPresent(entry) && !PageTableFormat.IsLeaf(level, entry);

    private static EntryMeaning? Denial(State state, int level, ulong entry, AccessKind kind) =>
        TableWalk.Interpret(state.Format, level, entry, kind) is { Kind: EntryKind.Fault } denied ? denied : null;

    private static Answer Stale(Answer answer) => answer with { Rule = RuleId.Inv5, Rules = answer.Rules | RuleId.Inv5 };

    // Entries are remembered when an access could use them: present, nothing reserved, accessed (and for a write dirty) already.
    // That nothing is present is remembered only where the platform caches absence.
    private static bool MayBeRemembered(State state, int level, ulong entry, AccessKind kind, bool keepsClean)
    {
        bool leaf = PageTableFormat.IsLeaf(level, entry);
        if (Permits(state, level, entry, kind))
            return TableWalk.MissingBits(state.Format, leaf, entry, keepsClean ? AccessKind.Read : kind) == 0;
        if (Permits(state, level, entry, kind == AccessKind.Read ? AccessKind.Write : AccessKind.Read))
            return TableWalk.MissingBits(state.Format, leaf, entry, AccessKind.Read) == 0;
        return state.Platform.CachingMode && !state.Format.IsPresent(entry);
    }

    private static bool Permits(State state, int level, ulong entry, AccessKind kind) => Denial(state, level, entry, kind) is null;

    /// <summary>The time before which nothing is remembered: every search is for later.</summary>
    private static long EarliestRemembered(State state, ushort domainId, ulong iova) => LastFlush(
        state, domainId, AddressRange.Block(iova, PageTableFormat.SpanLg2(1)), endsPointers: true,
        notAfter: LastFlush(state, domainId, AddressRange.Block(iova, Platform.GranuleLg2), endsPointers: false));

    // No other root, and along the walk of memory as it is no entry that held anything else than nothing since then.
    private static bool NothingToRemember(State state, ContextResult context, ulong iova, long since)
    {
        foreach (UsedRoot used in state.Hardware.UsedRoots)
        {
            if (used.DomainId == context.DomainId && used.Last > since && (used.Root != context.Root || used.LevelCount != context.LevelCount))
                return false;
        }
        ulong table = context.Root;
        for (int level = context.LevelCount - 1; level >= 0; level--)
        {
            Word word = state.Hardware.Read(PageTableFormat.EntryAddress(table, level, iova));
            if (HeldOther(word, since, state.Platform.CachingMode))
                return false;
            if (!state.Format.IsPresent(word.Value) || PageTableFormat.IsLeaf(level, word.Value))
                return true;
            table = state.Format.Address(level, leaf: false, word.Value);
        }
        return true;
    }

    private static bool HeldOther(Word word, long since, bool absenceCounts)
    {
        foreach (Held held in word.Past)
        {
            if (held.Until > since && (held.Value != 0 || absenceCounts))
                return true;
        }
        return false;
    }

    // INV-7  An IOTLB command ends what is remembered for all domain ids, for one, or for a block of pages of one; by pages it ends
    //        leaves inside the block and, unless it is leaf-only, pointers whose span touches it.
    [Rule(RuleId.Inv7, "an IOTLB invalidation ends leaves and pointers of its scope: everything, a domain id, or a block of pages",
        Source = "VT-d 6.5, IOTLB invalidate descriptor: G, DID, AM, ADDR, IH")]
    private static long LastFlush(State state, ushort domainId, AddressRange range, bool endsPointers, long notAfter = long.MaxValue)
    {
        for (int i = state.Hardware.IotlbFlushes.Length - 1; i >= 0; i--)
        {
            (long time, Op.FlushIotlb flush) = state.Hardware.IotlbFlushes[i];
            bool ends = flush.Granularity switch
            {
                FlushGranularity.Global => true,
                FlushGranularity.Domain => flush.DomainId == domainId,
                _ => flush.DomainId == domainId && Block(flush).Overlaps(range) && !(endsPointers && flush.LeafOnly),
            };
            if (ends && time <= notAfter)
                return time;
        }
        return Never;
    }

    private static AddressRange Block(Op.FlushIotlb flush) => AddressRange.Block(flush.Address, Platform.GranuleLg2 + flush.SizeLg2Pages);

    // INV-6  The context of a request is the one in memory, or any valid one that memory held since the last command that ends its caching.
    [Rule(RuleId.Inv6, "a request may use any valid context that memory held since the last context invalidation covering it",
        Source = "VT-d 6.2.2, context cache; 6.5.1, context-cache invalidate: G, DID, SID, FM")]
    public static ImmutableArray<RememberedContext> Contexts(State state, int device)
    {
        if (state.Platform.Contexts == ContextMode.Direct)
            return [new(DeviceContext.Programmed(state.Platform, state.Hardware.Program(device)), false)];
        ushort requester = Platform.RequesterId(device);
        long since = LastFlushOfAll(state);
        ImmutableArray<RememberedContext>.Builder found = ImmutableArray.CreateBuilder<RememberedContext>(1);
        foreach (DatedEntry table in Entries(state.Hardware.RootTable, Word.Zero, since))
        {
            ulong rootAddress = VtdContext.RootEntryAddress(table.Words.Low, requester);
            if (DeviceContext.Unreadable(state.Platform, rootAddress, VtdFault.RootUnreadable) is { } unreadable)
            {
                if (table.Until == StillHeld)
                    found.Add(new(unreadable, IsStale: false));
                continue;
            }
            foreach (DatedEntry root in Entries(state, rootAddress, since))
                Through(state, requester, root with { Until = Math.Min(table.Until, root.Until) }, since, found);
        }
        if (state.Platform.RemembersByRequester)
            AddEnded(state, requester, found);
        return found.DrainToImmutable();
    }

    // INV-6  Where translations are remembered by requester, those of a context that was ended stay until they are invalidated themselves.
    [Rule(RuleId.Inv6, "translations remembered by requester outlive the end of their context's caching, until they are invalidated themselves",
        Source = "VT-d 6.5.3.3: after a change of a context, context cache and IOTLB have to be invalidated, in this order")]
    private static void AddEnded(State state, ushort requester, ImmutableArray<RememberedContext>.Builder found)
    {
        foreach (DatedEntry table in Entries(state.Hardware.RootTable, Word.Zero, Never))
        {
            foreach (DatedEntry root in Entries(state, VtdContext.RootEntryAddress(table.Words.Low, requester), Never))
            {
                if (DeviceContext.RootStops(state.Context, root.Words) is not null)
                    continue;
                foreach (DatedEntry entry in Entries(state, VtdContext.ContextEntryAddress(state.Context.Pointer(root.Words), requester), Never))
                {
                    RememberedContext ended = new(DeviceContext.Interpret(state.Context, entry.Words), IsStale: true, IsEnded: true);
                    if (ended.Is is { Fault: null, PassThrough: false } && !found.Contains(ended))
                        found.Add(ended);
                }
            }
        }
    }

    /// <summary>The values of two words that hold an entry together, and until when memory held them, or led to them.</summary>
    private readonly record struct DatedEntry(ContextWords Words, long Until);

    /// <summary>The contexts that a root entry leads to, the present one first.</summary>
    private static void Through(State state, ushort requester, DatedEntry root, long since, ImmutableArray<RememberedContext>.Builder found)
    {
        if (DeviceContext.RootStops(state.Context, root.Words) is { } stopped)
        {
            if (root.Until == StillHeld)
                found.Add(new(stopped, IsStale: false));
            return;
        }
        ulong address = VtdContext.ContextEntryAddress(state.Context.Pointer(root.Words), requester);
        if (DeviceContext.Unreadable(state.Platform, address, VtdFault.ContextUnreadable) is { } unreadable)
        {
            if (root.Until == StillHeld)
                found.Add(new(unreadable, IsStale: false));
            return;
        }
        foreach (DatedEntry entry in Entries(state, address, since))
        {
            long until = Math.Min(root.Until, entry.Until);
            ContextResult context = DeviceContext.Interpret(state.Context, entry.Words);
            if (until == StillHeld || (IsCached(state, context) && until > LastFlush(state, Tag(entry.Words), requester)))
                found.Add(new(context, IsStale: until != StillHeld));
        }
    }

    private static bool IsCached(State state, ContextResult context) =>
        context.Fault is null || (state.Platform.CachingMode && context.Fault == VtdFault.ContextNotPresent);

    /// <summary>The domain id that a cached context is tagged with; 0 where nothing is present.</summary>
    private static ushort Tag(ContextWords context) => VtdContext.IsPresent(context) ? VtdContext.DomainId(context) : (ushort)0;

    private static ReadOnlySpan<DatedEntry> Entries(State state, ulong physical, long since) =>
        Entries(state.Hardware.Read(physical), state.Hardware.Read(physical + 8), since);

    /// <summary>The values that two words held together at some time since a time, the present ones first.</summary>
    private static ReadOnlySpan<DatedEntry> Entries(Word low, Word high, long since)
    {
        DatedEntry now = new(new(low.Value | low.Maybe, high.Value | high.Maybe), StillHeld);
        long until = FirstAfter(low, high, since);
        if (until == StillHeld)
            return (DatedEntry[])[now];
        List<DatedEntry> entries = [now];
        for (; until != StillHeld; until = FirstAfter(low, high, until))
            entries.Add(new(new(low.At(until - 1), high.At(until - 1)), until));
        return entries.ToArray();
    }

    /// <summary>The time of the first store to either of two words after a time.</summary>
    private static long FirstAfter(Word low, Word high, long time) => Math.Min(FirstAfter(low, time), FirstAfter(high, time));

    private static long FirstAfter(Word word, long time)
    {
        foreach (Held held in word.Past)
        {
            if (held.Until > time)
                return held.Until;
        }
        return StillHeld;
    }

    private static long LastFlushOfAll(State state)
    {
        for (int i = state.Hardware.ContextFlushes.Length - 1; i >= 0; i--)
        {
            if (state.Hardware.ContextFlushes[i].Command.Granularity == FlushGranularity.Global)
                return state.Hardware.ContextFlushes[i].Time;
        }
        return Never;
    }

    // CTX-9  A context-cache command ends everything, what is tagged with a domain id, or one device's entries with that domain id, the
    //        function bits of its mask ignored.
    [Rule(RuleId.Ctx9, "a context-cache invalidation ends contexts of its scope: all, a domain id, or a device under its function mask",
        Source = "VT-d 6.5.1, context-cache invalidate descriptor: G, DID, SID, FM; QEMU bug: function mask used un-inverted")]
    private static long LastFlush(State state, ushort domainId, ushort requester)
    {
        for (int i = state.Hardware.ContextFlushes.Length - 1; i >= 0; i--)
        {
            (long time, Op.FlushContexts flush) = state.Hardware.ContextFlushes[i];
            ushort ignored = flush.FunctionMask switch { 0 => 0, 1 => 0b100, 2 => 0b110, _ => 0b111 };
            bool ends = flush.Granularity switch
            {
                FlushGranularity.Global => true,
                FlushGranularity.Domain => flush.DomainId == domainId,
                _ => flush.DomainId == domainId && (Platform.RequesterId(flush.Device) | ignored) == (requester | ignored),
            };
            if (ends)
                return time;
        }
        return Never;
    }
}
