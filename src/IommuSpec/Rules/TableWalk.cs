using System.Collections.Immutable;
using IommuSpec.Formats;

namespace IommuSpec.Rules;

/// <summary>What one entry tells a walk.</summary>
public enum EntryKind : byte
{
    Fault,
    Table,
    Leaf,
}

/// <summary>What one entry tells a walk: stop with a reason, go on in another table, or land in a page.</summary>
public readonly record struct EntryMeaning(EntryKind Kind, byte Reason, RuleId Rule, ulong Address);

/// <summary>One step of a walk, for a reader. Level 0 is the table of 4 KiB leaves.</summary>
public sealed record WalkStep(int Level, ulong EntryAddress, ulong Entry, string Meaning);

/// <summary>A walk of memory as it is, for a reader.</summary>
public sealed record WalkResult(Outcome Outcome, ImmutableArray<WalkStep> Steps);

/// <summary>WLK: what page-table entries mean. What caches make of them is in <see cref="Caching"/>.</summary>
public static class TableWalk
{
    // WLK-1  In a level, first the entry must be present and permit the access, then its reserved bits must be 0, then it is a leaf or a table.
    [Rule(RuleId.Wlk1, "in each level permission is checked before reserved bits, and both before the entry is used",
        Source = "VT-d 7.1.3; QEMU vtd_iova_to_slpte, vtd_iova_to_flpte")]
    public static EntryMeaning Interpret(PageTableFormat format, int level, ulong entry, AccessKind kind)
    {
        bool reserved = HasReservedBits(format, level, entry);
        return NotPermitted(format, entry, kind) is { } stops ? (reserved ? stops with { Rule = RuleId.Wlk1 } : stops)
            : reserved ? new(EntryKind.Fault, format.Reserved, RuleId.Wlk4, 0)
            : LeafOrTable(format, level, entry);
    }

    // WLK-2  An entry that is not present stops the walk.
    // WLK-3  Every level must permit the access: a table entry without a right takes it from everything below.
    [Rule(RuleId.Wlk2, "an entry that is not present stops the walk", Source = "VT-d 9.8: R=W=0; first stage: P=0, SFL.2")]
    [Rule(RuleId.Wlk3, "every level must permit the access, table entries as well as the leaf",
        Source = "VT-d 3.7, 7.1.3: effective rights are the AND over all levels; first stage R/W and U/S")]
    private static EntryMeaning? NotPermitted(PageTableFormat format, ulong entry, AccessKind kind) =>
        format.NoPermission(entry, kind) is var (reason, rule) ? new(EntryKind.Fault, reason, rule, 0) : null;

    // WLK-4  A reserved bit that is set stops the walk; PS is one where the platform has no such page.
    [Rule(RuleId.Wlk4, "a reserved bit that is set in a present entry stops the walk",
        Source = "VT-d 7.1.3 LSL.2, SFL.3; 9.8; QEMU reserved masks")]
    private static bool HasReservedBits(PageTableFormat format, int level, ulong entry) =>
        (entry & format.ReservedMask(level, PageTableFormat.IsLeaf(level, entry))) != 0;

    // WLK-5  A leaf of level n maps 2^(12+9n) bytes: the low bits of the IOVA replace those of its address. Other entries point to a table.
    [Rule(RuleId.Wlk5, "an entry at level 0, or with PS at level 1 or 2, maps a page of its level's size; others point to a table",
        Source = "VT-d 3.7, 9.8: 4 KiB, 2 MiB and 1 GiB pages")]
    private static EntryMeaning LeafOrTable(PageTableFormat format, int level, ulong entry)
    {
        bool leaf = PageTableFormat.IsLeaf(level, entry);
        return new(leaf ? EntryKind.Leaf : EntryKind.Table, 0, RuleId.Wlk5, format.Address(level, leaf, entry));
    }

    /// <summary>Where in a leaf's page an IOVA lies.</summary>
    public static ulong InPage(ulong page, int level, ulong iova) => page | (iova & Bits.Mask(PageTableFormat.SpanLg2(level)));

    // WLK-6  A walk that succeeds finds the accessed bit set in every entry it used, and in the leaf of a write the dirty bit, or sets
    //        it before the access is made; a walk that faults sets nothing, and hardware never clears either bit.
    [Rule(RuleId.Wlk6, "a successful first-stage walk sets the accessed bit in every entry it uses, and the dirty bit in the leaf of a write",
        Source = "VT-d 3.7; x86-64; RISC-V IOMMU, Arm IHI0070: bits are set only after the permission checks succeed")]
    public static ulong MissingBits(PageTableFormat format, bool leaf, ulong entry, AccessKind kind) =>
        format.AccessedBits(leaf, kind) & ~entry;

    // WLK-7  The walk starts at the root table's level and goes down one level at a time, 9 bits of the IOVA each.
    [Rule(RuleId.Wlk7, "a walk starts in the root table and takes 9 bits of the address at each level down to the leaf",
        Source = "VT-d 3.6, 3.7: 3, 4 or 5 levels")]
    public static Answer Now(State state, ulong root, int levelCount, ulong iova, AccessKind kind) =>
        Below(state, levelCount - 1, root, iova, kind, [], isRoot: true);

    // WLK-7  An entry that no memory holds cannot be read; the reason says whether the root table or an entry led there.
    [Rule(RuleId.Wlk7, "an entry of a table that cannot be read stops the walk",
        Source = "VT-d 7.1.3 LCT.4.3, LSL.1, SFL.1, SFL.4: accessing the entry resulted in an error")]
    private static Answer Unreadable(State state, bool isRoot) =>
        new(Outcome.Faulted(isRoot ? state.Format.RootUnreadable : state.Format.EntryUnreadable), RuleId.Wlk7);

    /// <summary>The rest of a walk, from a table at a level, in memory as it is now.</summary>
    public static Answer Below(
        State state, int level, ulong table, ulong iova, AccessKind kind, ImmutableArray<BitsSet> sets, bool isRoot = false)
    {
        ulong address = PageTableFormat.EntryAddress(table, level, iova);
        if (!state.Platform.CanReadEntry(address))
            return Unreadable(state, isRoot) with { Sets = BeforeFault(state, sets) };
        Word word = state.Hardware.Read(address);
        EntryMeaning meaning = Interpret(state.Format, level, word.Value, kind);
        if (meaning.Kind == EntryKind.Fault)
            return new(Outcome.Faulted(meaning.Reason), meaning.Rule, RuleSet.Of(meaning.Rule) | RuleId.Wlk1 | RuleId.Wlk7, BeforeFault(state, sets));
        ulong missing = MissingBits(state.Format, meaning.Kind == EntryKind.Leaf, word.Value, kind);
        ImmutableArray<BitsSet> all = missing == 0 ? sets : sets.Add(new(address, missing));
        return meaning.Kind == EntryKind.Table
            ? Below(state, level - 1, meaning.Address, iova, kind, all)
            : Leaf(state, level, InPage(meaning.Address, level, iova), all);
    }

    // WLK-6  Where the platform says so, a walk that faults may have set accessed bits in the entries above the one that stopped it.
    [Rule(RuleId.Wlk6, "where a platform declares it, a walk that faults may have set accessed bits above the entry that stopped it",
        Source = "VT-d 3.6: hardware sets the accessed bit in each entry that it uses; x86-64: at any time until the access completes")]
    private static ImmutableArray<BitsSet> BeforeFault(State state, ImmutableArray<BitsSet> sets) =>
        state.Platform.FaultingWalksSetBits ? sets : [];

    /// <summary>A walk that has found its leaf: the way down is what matters to reach a small page, its size to land in a large one.</summary>
    public static Answer Leaf(State state, int level, ulong physical, ImmutableArray<BitsSet> sets)
    {
        Answer lands = Translation.PageInWindow(state, level, physical) ?? Translation.Lands(state, physical, level == 0 ? RuleId.Wlk7 : RuleId.Wlk5);
        return lands.Outcome.Reason != 0 ? lands with { Sets = BeforeFault(state, sets) }
            : lands with { Rules = lands.Rules | RuleId.Wlk3 | RuleId.Wlk5 | RuleId.Wlk7 | (sets.IsEmpty ? RuleSet.None : RuleSet.Of(RuleId.Wlk6)), Sets = sets };
    }

    /// <summary>The walk of one address through tables in memory, level by level, for a reader. Sets nothing.</summary>
    public static WalkResult Explain(Platform platform, int levelCount, ulong root, ulong iova, AccessKind kind, Func<ulong, ulong> readWord)
    {
        State state = new(platform);
        if (Translation.OutsideInput(state, levelCount, iova) is { } outside)
            return new(outside.Outcome, []);
        ImmutableArray<WalkStep>.Builder steps = ImmutableArray.CreateBuilder<WalkStep>();
        ulong table = root;
        for (int level = levelCount - 1; ; level--)
        {
            ulong address = PageTableFormat.EntryAddress(table, level, iova);
            ulong entry = readWord(address);
            EntryMeaning meaning = Interpret(state.Format, level, entry, kind);
            steps.Add(new(level, address, entry, Words(state.Format, level, entry, meaning)));
            if (meaning.Kind == EntryKind.Fault)
                return new(Outcome.Faulted(meaning.Reason), steps.ToImmutable());
            if (meaning.Kind == EntryKind.Leaf)
                return new(Leaf(state, level, InPage(meaning.Address, level, iova), []).Outcome, steps.ToImmutable());
            table = meaning.Address;
        }
    }

    private static string Words(PageTableFormat format, int level, ulong entry, EntryMeaning meaning)
    {
        IEnumerable<string> set = format.Fields(level, PageTableFormat.IsLeaf(level, entry))
            .Where(f => f.High == f.Low && f.Use == Formats.Use.Meaning && (entry & f.Mask) != 0)
            .Select(f => f.Name).Reverse();
        string what = meaning.Kind switch
        {
            EntryKind.Fault => $"fault {IommuSpec.Words.Hex(meaning.Reason)}, {meaning.Rule.Text()}",
            EntryKind.Table => $"table at {IommuSpec.Words.Hex(meaning.Address)}",
            _ => $"{1ul << (PageTableFormat.SpanLg2(level) - 10)} KiB page at {IommuSpec.Words.Hex(meaning.Address)}",
        };
        return $"{what} [{string.Join(' ', set)}]";
    }
}
