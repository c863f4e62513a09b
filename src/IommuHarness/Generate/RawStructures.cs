using IommuSpec;

namespace IommuHarness.Generate;

/// <summary>Tables under one root.</summary>
internal record struct RawTree(ulong Root, int LevelCount, ushort DomainId);

/// <summary>A leaf that was planted.</summary>
/// <param name="Tree">Whose.</param>
/// <param name="Iova">Its first address.</param>
/// <param name="Level">1 is 4 KiB, 2 is 2 MiB, 3 is 1 GiB.</param>
/// <param name="Word">Its index among the known words.</param>
internal record struct RawLeaf(int Tree, ulong Iova, int Level, int Word);

/// <summary>
/// Root tables, context entries and page tables as the generator built them, word by word. What it believes may be wrong after
/// a mutation or a wild operation; it only steers.
/// </summary>
internal sealed class RawStructures(Draft draft, RawMemory memory)
{
    internal const int NoTree = -1;
    private const int MostTrees = 4;
    private const int MostLeaves = 16;

    private readonly RawTree[] trees = new RawTree[MostTrees];
    private readonly RawLeaf[] leaves = new RawLeaf[MostLeaves];
    private readonly int[] treeOf = new int[3];
    private readonly int[] path = new int[16];
    private ulong rootTable;
    private bool hasRootTable;

    internal int TreeCount { get; private set; }

    internal int LeafCount { get; private set; }

    internal bool HasContexts => draft.Platform.Contexts == ContextMode.VtdLegacy;

    private Choices Choices => draft.Choices;

    internal RawLeaf Leaf(int index) => leaves[index];

    internal RawTree Tree(int index) => trees[index];

    internal int TreeOf(int device) => treeOf[device];

    internal void Begin()
    {
        TreeCount = LeafCount = 0;
        hasRootTable = false;
        treeOf.AsSpan().Fill(NoTree);
    }

    // ---- devices

    /// <summary>A device that uses the tree, connected now if there is none.</summary>
    internal int DeviceOf(int tree)
    {
        int start = draft.AnyDevice();
        for (int i = 0; i < draft.DeviceCount; i++)
        {
            int device = (start + i) % draft.DeviceCount;
            if (treeOf[device] == tree)
                return device;
        }

        Connect(start, tree);
        return start;
    }

    /// <summary>Makes a device use a tree, by the program operation or by entries in memory.</summary>
    internal void Connect(int device, int tree)
    {
        treeOf[device] = tree;
        RawTree target = trees[tree];
        if (!HasContexts)
        {
            draft.Add(new Op.Program(draft.DeviceSlot(device), target.Root, target.DomainId));
            return;
        }

        EnsureRootTable();
        ulong context = ContextAddress(device);
        memory.Plant(context + 8, RawEntries.ContextHigh(target.LevelCount, target.DomainId), WordKind.ContextHigh, 0);
        int type = draft.Platform.DeviceTlb && Choices.OneIn(4) ? 1 : 0;
        ulong low = RawEntries.ContextLow(target.Root, type, Choices.OneIn(8));
        memory.Plant(context, low, WordKind.ContextLow, 0);
    }

    /// <summary>The address of a device's context entry, with the root entry that leads to it stored.</summary>
    internal ulong ContextAddress(int device)
    {
        ushort requester = Platform.RequesterId(draft.DeviceSlot(device));
        ulong entry = rootTable + (ulong)(requester >> 8) * 16;
        ulong root = memory.Read(entry);
        if ((root & 1) == 0)
        {
            root = memory.NextFrame() | 1;
            memory.Plant(entry, root, WordKind.RootLow, 0);
        }

        return (root & RawEntries.AddressMask) + (ulong)(requester & 0xff) * 16;
    }

    internal void EnsureRootTable()
    {
        if (hasRootTable)
            return;
        UseRootTable(memory.NextFrame());
        if (!Choices.OneIn(16))
            draft.Add(Fixed.TranslationOn);
    }

    internal void UseRootTable(ulong table)
    {
        if (hasRootTable)
            draft.RecordingIsUncertain();
        rootTable = table;
        hasRootTable = true;
        draft.Add(new Op.SetRootTable(table));
    }

    // ---- tables

    /// <summary>A tree, new ones while there is room; with contexts, of any width that the platform supports.</summary>
    internal int AnyTree()
    {
        if (TreeCount > 0 && (TreeCount == MostTrees || !Choices.OneIn(TreeCount + 3)))
            return Choices.Below(TreeCount);
        int levels = draft.Platform.LevelCount;
        if (HasContexts)
            levels = Choices.OneIn(64) ? Choices.Between(3, 5) : SupportedLevels();
        ushort id = TreeCount > 0 && Choices.OneIn(4) ? trees[Choices.Below(TreeCount)].DomainId : Wild.DomainId(Choices);
        trees[TreeCount] = new(memory.NextFrame(), levels, id);
        return TreeCount++;
    }

    internal void ChangeDomainId(int tree, ushort id) => trees[tree].DomainId = id;

    /// <summary>
    /// Stores a leaf and the tables above it. An address that the tree is too narrow for lands wherever its low bits lead.
    /// </summary>
    internal void Plant(int tree, ulong iova, int level, ulong physical, bool read, bool write)
    {
        if (!draft.HasRoom(6) || memory.Count > 240)
            return;
        ulong table = trees[tree].Root;
        for (int above = trees[tree].LevelCount; above > level; above--)
        {
            ulong at = table + RawEntries.Offset(iova, above);
            ulong entry = memory.Read(at);
            if (!RawEntries.IsTable(entry, above))
            {
                entry = RawEntries.Table(draft.Platform, memory.NextFrame());
                memory.Plant(at, entry, WordKind.Entry, above);
            }

            table = entry & RawEntries.AddressMask;
        }

        ulong low = Bits.Mask(RawEntries.SizeLg2(level));
        ulong leaf = table + RawEntries.Offset(iova, level);
        memory.Plant(leaf, RawEntries.Leaf(draft.Platform, level, physical & ~low, read, write), WordKind.Entry, level);
        int slot = LeafCount < MostLeaves ? LeafCount++ : Choices.Below(MostLeaves);
        leaves[slot] = new(tree, iova & ~low, level, memory.Find(leaf));
        draft.Remember(iova);
    }

    /// <summary>The words on the way from a device to a leaf, as indices among the known ones, the top first.</summary>
    internal ReadOnlySpan<int> Path(int device, in RawLeaf leaf)
    {
        int count = 0;
        if (HasContexts && hasRootTable)
        {
            ushort requester = Platform.RequesterId(draft.DeviceSlot(device));
            ulong entry = rootTable + (ulong)(requester >> 8) * 16;
            count = Visit(entry, WordKind.RootLow, 0, count);
            count = Visit(entry + 8, WordKind.RootHigh, 0, count);
            ulong context = (memory.Read(entry) & RawEntries.AddressMask) + (ulong)(requester & 0xff) * 16;
            count = Visit(context, WordKind.ContextLow, 0, count);
            count = Visit(context + 8, WordKind.ContextHigh, 0, count);
        }

        ulong table = trees[leaf.Tree].Root;
        for (int level = trees[leaf.Tree].LevelCount; level >= leaf.Level; level--)
        {
            ulong at = table + RawEntries.Offset(leaf.Iova, level);
            count = Visit(at, WordKind.Entry, level, count);
            table = memory.Read(at) & RawEntries.AddressMask;
        }

        return path.AsSpan(0, count);
    }

    private int Visit(ulong address, WordKind kind, int level, int count)
    {
        int index = memory.Know(address, kind, level);
        if (index >= 0)
            path[count++] = index;
        return count;
    }

    private int SupportedLevels()
    {
        int supported = draft.Platform.SupportedWidths & 0b1110;
        if (supported == 0)
            return 4;
        int width;
        do
            width = Choices.Between(1, 3);
        while ((supported >> width & 1) == 0);
        return width + 2;
    }
}
