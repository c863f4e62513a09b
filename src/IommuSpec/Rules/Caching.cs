using System.Collections.Immutable;
using IommuSpec.Formats;

namespace IommuSpec.Rules;

/// <summary>A context as it is, or as the context cache remembers it.</summary>
public readonly record struct RememberedContext(ContextResult Is, bool IsStale);

/// <summary>
/// INV at the hardware level: what caches may remember of tables in memory, and which command ends what.
/// A cache remembers a prefix of a walk: the entries from the root down to some level, each as it was at some time since the
/// last command that ends the caching of that prefix. Below the prefix the walk reads memory as it is.
/// </summary>
public static class Caching
{
    private const long Never = 0;
    private const long StillHeld = long.MaxValue;

    // INV-5  A walk may start from a remembered prefix instead of the root: down to a leaf, or down to a pointer to a table.
    [Rule(RuleId.Inv5, "a walk may start from any prefix of entries that a cache may still remember, and reads memory below it",
        Source = "VT-d 6.2, IOTLB and paging-structure caches; Linux: a table may be reused only after its invalidation without leaf-only hint")]
    public static IReadOnlyList<Answer> Walks(State state, ContextResult context, ulong iova, AccessKind kind)
    {
        ushort domainId = context.DomainId;
        if (NothingToRemember(state, context, iova, EarliestRemembered(state, domainId, iova)))
            return [];
        List<Answer> found = [];
        for (int depth = context.LevelCount - 1; depth >= 0; depth--)
        {
            int spanLg2 = PageTableFormat.SpanLg2(depth);
            long leafSince = LastFlush(state, domainId, AddressRange.Block(iova, Platform.GranuleLg2), endsPointers: false);
            long tableSince = LastFlush(state, domainId, AddressRange.Block(iova, spanLg2), endsPointers: true);
            // A leaf may have been fetched through a pointer that was older than it, just after the command that ended leaves alone.
            long pathSince = depth == context.LevelCount - 1 ? leafSince
                : LastFlush(state, domainId, AddressRange.Block(iova, PageTableFormat.SpanLg2(depth + 1)), endsPointers: true, notAfter: leafSince);
            Prefixes(new(state, iova, kind, depth, EntryKind.Leaf, leafSince, pathSince), context, found);
            if (depth > 0)
                Prefixes(new(state, iova, kind, depth, EntryKind.Table, tableSince, tableSince), context, found);
        }
        return found;
    }

    /// <summary>
    /// What is looked for: prefixes of which the last entry stands at a level, is a leaf or a table, and is remembered since a time;
    /// the entries above it since another.
    /// </summary>
    private sealed record Search(State State, ulong Iova, AccessKind Kind, int Depth, EntryKind Last, long Since, long PathSince);

    /// <summary>A table that remembered entries lead to, and the first of them that denies the access: rights are remembered with the pointer.</summary>
    private readonly record struct Reached(ulong Table, EntryMeaning? Denied);

    private static void Prefixes(Search search, ContextResult context, List<Answer> found)
    {
        List<Reached> tables = [];
        foreach ((ulong root, int levelCount) in Roots(search.State, context, search.PathSince))
        {
            if (levelCount > search.Depth)
                AddNew(tables, Tables(search, levelCount, root));
        }
        foreach (Reached table in tables)
            Ends(search, table, found);
    }

    private static void AddNew<T>(List<T> to, List<T> items)
    {
        foreach (T item in items)
        {
            if (!to.Contains(item))
                to.Add(item);
        }
    }

    /// <summary>The root table in use, and those that requests of the same domain id were translated through since a time.</summary>
    private static List<(ulong Root, int LevelCount)> Roots(State state, ContextResult context, long since)
    {
        List<(ulong Root, int LevelCount)> roots = [(context.Root, context.LevelCount)];
        foreach (UsedRoot used in state.Hardware.UsedRoots)
        {
            if (used.DomainId == context.DomainId && used.Last > since)
                AddNew(roots, [(used.Root, used.LevelCount)]);
        }
        return roots;
    }

    /// <summary>The tables at the level looked for that remembered pointers lead to, each once: many paths may lead to one table.</summary>
    private static List<Reached> Tables(Search search, int levelCount, ulong root)
    {
        List<Reached> tables = [new(root, null)];
        for (int level = levelCount - 1; level > search.Depth; level--)
        {
            List<Reached> next = [];
            foreach (Reached from in tables)
            {
                foreach (ulong entry in Since(Entry(search, level, from), search.PathSince))
                {
                    if (IsPointer(search.State, level, entry) && MayBeRemembered(search, level, entry, from))
                        AddNew(next, [new(search.State.Format.Address(level, leaf: false, entry), from.Denied ?? Denial(search, level, entry))]);
                }
            }
            tables = next;
        }
        return tables;
    }

    /// <summary>What walks come to that end their prefix in a table at the level looked for.</summary>
    private static void Ends(Search search, Reached from, List<Answer> found)
    {
        int level = search.Depth;
        foreach (ulong entry in Since(Entry(search, level, from), search.Since))
        {
            bool isPointer = IsPointer(search.State, level, entry);
            if (isPointer != (search.Last == EntryKind.Table) || !MayBeRemembered(search, level, entry, from))
                continue;
            ulong address = search.State.Format.Address(level, !isPointer, entry);
            found.Add(Stale((from.Denied ?? Denial(search, level, entry)) is { } denied ? new(Outcome.Faulted(denied.Reason), denied.Rule)
                : isPointer ? TableWalk.Below(search.State, level - 1, address, search.Iova, search.Kind, [])
                : TableWalk.Leaf(search.State, level, TableWalk.InPage(address, level, search.Iova), [])));
        }
    }

    private static Word Entry(Search search, int level, Reached table) =>
        search.State.Hardware.Read(PageTableFormat.EntryAddress(table.Table, level, search.Iova));

    private static bool IsPointer(State state, int level, ulong entry) => state.Format.IsPresent(entry) && !PageTableFormat.IsLeaf(level, entry);

    private static EntryMeaning? Denial(Search search, int level, ulong entry) =>
        TableWalk.Interpret(search.State.Format, level, entry, search.Kind) is { Kind: EntryKind.Fault } denied ? denied : null;

    // Below an entry that denies the access, what is remembered is what a read left.
    private static bool MayBeRemembered(Search search, int level, ulong entry, Reached below) =>
        MayBeRemembered(search.State, level, entry, below.Denied is null ? search.Kind : AccessKind.Read);

    private static Answer Stale(Answer answer) => answer with { Rule = RuleId.Inv5, Rules = answer.Rules | RuleId.Inv5 };

    // Entries are remembered when an access could use them: present, nothing reserved, accessed (and for a write dirty) already.
    // That nothing is present is remembered only where the platform caches absence.
    private static bool MayBeRemembered(State state, int level, ulong entry, AccessKind kind)
    {
        bool readable = TableWalk.Interpret(state.Format, level, entry, AccessKind.Read).Kind != EntryKind.Fault;
        bool writable = TableWalk.Interpret(state.Format, level, entry, AccessKind.Write).Kind != EntryKind.Fault;
        if (!readable && !writable)
            return state.Platform.CachingMode && !state.Format.IsPresent(entry);
        bool permits = kind == AccessKind.Write ? writable : readable;
        bool leaf = PageTableFormat.IsLeaf(level, entry);
        return TableWalk.MissingBits(state.Format, leaf, entry, permits ? kind : AccessKind.Read) == 0;
    }

    /// <summary>Values that a word held at some time since a time, the present one last.</summary>
    private static ReadOnlySpan<ulong> Since(Word word, long since)
    {
        int first = word.Past.Length;
        while (first > 0 && word.Past[first - 1].Until > since)
            first--;
        ulong[] values = new ulong[word.Past.Length - first + 1];
        for (int i = first; i < word.Past.Length; i++)
            values[i - first] = word.Past[i].Value;
        values[^1] = word.Value | word.Maybe;
        return values;
    }

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
    public static IEnumerable<RememberedContext> Contexts(State state, int device)
    {
        if (state.Platform.Contexts == ContextMode.Direct)
            return [new(DeviceContext.Programmed(state.Platform, state.Hardware.Program(device)), false)];
        ushort requester = Platform.RequesterId(device);
        return ContextsOf(state, requester).Where(IsKept).Select(found => new RememberedContext(found.Is, found.Until != StillHeld));

        bool IsKept((ContextResult Is, ushort DomainId, long Until) found) =>
            found.Until == StillHeld
            || (found.Until > LastFlush(state, found.DomainId, requester)
                && (found.Is.Fault is null || (state.Platform.CachingMode && found.Is.Fault == VtdFault.ContextNotPresent)));
    }

    /// <summary>Every context that the register, root entries and context entries ever led to, the present one first, and until when.</summary>
    private static IEnumerable<(ContextResult Is, ushort DomainId, long Until)> ContextsOf(State state, ushort requester)
    {
        VtdContext format = state.Context;
        foreach ((ContextWords table, long tableUntil) in Values(state.Hardware.RootTable, Word.Zero))
        {
            ulong rootAddress = VtdContext.RootEntryAddress(table.Low, requester);
            foreach ((ContextWords root, long rootUntil) in Values(state.Hardware.Read(rootAddress), state.Hardware.Read(rootAddress + 8)))
            {
                if (DeviceContext.RootStops(format, root) is { } stopped)
                {
                    if (Math.Min(tableUntil, rootUntil) == StillHeld)
                        yield return (stopped, 0, StillHeld);
                    continue;
                }
                ulong address = VtdContext.ContextEntryAddress(format.Pointer(root), requester);
                foreach ((ContextWords context, long until) in Values(state.Hardware.Read(address), state.Hardware.Read(address + 8)))
                {
                    ushort domainId = VtdContext.IsPresent(context) ? VtdContext.DomainId(context) : (ushort)0;
                    yield return (DeviceContext.Interpret(format, context), domainId, Math.Min(Math.Min(tableUntil, rootUntil), until));
                }
            }
        }
    }

    /// <summary>The values that two words held together, the present ones first, and until when.</summary>
    private static IEnumerable<(ContextWords Words, long Until)> Values(Word low, Word high)
    {
        yield return (new(low.Value | low.Maybe, high.Value | high.Maybe), StillHeld);
        for (long until = FirstAfter(low, high, Never); until != StillHeld; until = FirstAfter(low, high, until))
            yield return (new(low.At(until - 1), high.At(until - 1)), until);
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
