using IommuSpec;

namespace IommuHarness.Generate;

/// <summary>What a scenario says where tables, and context entries on some platforms, are words of memory.</summary>
internal sealed class HardwarePhrases
{
    private const ulong Granule = Platform.Granule;

    private readonly Draft draft;
    private readonly RawMemory memory;
    private readonly RawStructures structures;
    private readonly HardwareFlushes flushes;

    internal HardwarePhrases(Draft draft)
    {
        this.draft = draft;
        memory = new(draft);
        structures = new(draft, memory);
        flushes = new(draft, memory, structures);
    }

    private Choices Choices => draft.Choices;

    internal void Begin()
    {
        memory.Begin();
        structures.Begin();
        if (Choices.OneIn(12))
            return;
        Build();
        if (Choices.OneIn(3))
            Reuse();
        draft.SceneIsSet();
    }

    internal void Say(Phrase phrase)
    {
        switch (phrase)
        {
            case Phrase.Build: Build(); break;
            case Phrase.Reuse: Reuse(); break;
            case Phrase.Change: Change(); break;
            case Phrase.Shape: Shape(); break;
            case Phrase.Probe: Probe(); break;
            case Phrase.Faults: Faults(); break;
            case Phrase.Ask: Ask(); break;
            case Phrase.Move: Move(); break;
            default: Wild.Say(draft); break;
        }
    }

    // ---- phrases

    private void Build()
    {
        int tree = structures.AnyTree();
        structures.DeviceOf(tree);
        Plant(tree, draft.AnyBase() + Choices.Bits(3) * Granule, AnyLevel(structures.Tree(tree).LevelCount));
    }

    /// <summary>Plants beside or in the place of an earlier leaf, in its tree or another.</summary>
    private void Reuse()
    {
        if (structures.LeafCount == 0)
        {
            Build();
            return;
        }

        RawLeaf leaf = AnyLeaf();
        int tree = Choices.OneIn(4) ? structures.AnyTree() : leaf.Tree;
        structures.DeviceOf(tree);
        ulong size = 1UL << RawEntries.SizeLg2(leaf.Level);
        ulong at = unchecked(Choices.Below(4) switch
        {
            0 => leaf.Iova,
            1 => leaf.Iova + size,
            2 => leaf.Iova - size,
            _ => leaf.Iova ^ (size << Choices.Below(9)),
        });
        Plant(tree, at, Choices.OneIn(3) ? AnyLevel(structures.Tree(tree).LevelCount) : leaf.Level);
    }

    /// <summary>Warm, change a word on the way, flush or not, probe.</summary>
    private void Change()
    {
        if (!TryLeaf(out RawLeaf leaf))
            return;
        int device = structures.DeviceOf(leaf.Tree);
        ulong at = Inside(leaf);
        for (int i = Choices.Below(3); i > 0; i--)
            draft.Access(device, draft.AnyKind(), at, SmallLength());
        if (Choices.OneIn(8))
            draft.Access(draft.AnyDevice(), draft.AnyKind(), at, 8);
        int word = PickWord(device, leaf);
        for (int i = Choices.OneIn(4) ? 2 : 1; i > 0; i--)
            memory.Store(word, Mutated(word));
        flushes.After(word, leaf, device);
        ProbeLeaf(device, leaf, at);
        if (Choices.OneIn(5))
            draft.Add(new Op.Peek(memory.Address(word)));
        if (!Choices.OneIn(3))
        {
            memory.Store(word, memory[word].Meant);
            if (!Choices.OneIn(3))
                flushes.After(word, leaf, device);
            draft.Access(device, draft.AnyKind(), at, SmallLength());
        }
    }

    /// <summary>Structures that break exactly one rule, or two, or have one bit flipped after the other.</summary>
    private void Shape()
    {
        if (!TryLeaf(out RawLeaf leaf))
            return;
        int device = structures.DeviceOf(leaf.Tree);
        ReadOnlySpan<int> path = structures.Path(device, leaf);
        int first = path[Choices.Below(path.Length)];
        int second = path[Choices.Below(path.Length)];
        if (Choices.OneIn(2))
        {
            WalkBits(first, device, leaf);
            return;
        }

        memory.Store(first, Spoiled(first));
        if (Choices.OneIn(2))
            memory.Store(second, Spoiled(second));
        memory.FlushEverything();
        draft.Access(device, AccessKind.Read, Inside(leaf), 8);
        draft.Access(device, AccessKind.Write, Inside(leaf), 8);
        if (Choices.OneIn(2))
            draft.Add(Fixed.DrainFaults);
        memory.Store(first, memory[first].Meant);
        memory.Store(second, memory[second].Meant);
        memory.FlushEverything();
    }

    /// <summary>Neighbouring bits of one word flipped one after the other.</summary>
    private void WalkBits(int word, int device, RawLeaf leaf)
    {
        int bit = Choices.Below(64);
        ulong meant = memory[word].Meant;
        for (int i = Choices.Between(1, 5); i > 0 && draft.HasRoom(5); i--, bit = (bit + 1) & 63)
        {
            memory.Store(word, meant ^ (1UL << bit));
            memory.FlushEverything();
            draft.Access(device, draft.AnyKind(), Inside(leaf), 8);
        }

        memory.Store(word, meant);
        memory.FlushEverything();
    }

    private void Probe()
    {
        if (!TryLeaf(out RawLeaf leaf))
            return;
        if (Choices.OneIn(16))
            draft.AccessInterruptWindow(structures.DeviceOf(leaf.Tree));
        for (int i = Choices.Between(2, 4); i > 0; i--)
        {
            int device = Choices.OneIn(8) ? draft.AnyDevice() : structures.DeviceOf(leaf.Tree);
            ulong at = Choices.Below(12) switch
            {
                0 => draft.AnyAddress(),
                1 or 2 => Beside(leaf),
                _ => Inside(leaf),
            };
            draft.Access(device, draft.AnyKind(), at, Places.AccessLength(Choices));
            leaf = AnyLeaf();
        }
    }

    private void Faults()
    {
        int device = draft.AnyDevice();
        for (int i = Choices.Between(1, Math.Min(draft.Platform.FaultRecordCount + 2, 5)); i > 0; i--)
        {
            if (Choices.OneIn(3))
                device = draft.AnyDevice();
            draft.Access(device, draft.AnyKind(), draft.AnyAddress(), Choices.OneIn(8) ? Platform.LongestAccess : 8);
            if (Choices.OneIn(8))
                draft.Add(Fixed.DrainFaults);
        }

        draft.Add(Fixed.DrainFaults);
    }

    private void Ask()
    {
        switch (Choices.Below(6))
        {
            case 0:
                draft.Add(Fixed.Audit);
                break;
            case 1:
                draft.Add(new Op.Peek(draft.AnyAddress() & ~7UL));
                break;
            case 2 when memory.Count > 0:
                draft.Add(new Op.Peek(memory.Address(Choices.Below(memory.Count))));
                break;
            default:
                if (!TryLeaf(out RawLeaf leaf))
                    return;
                int device = structures.DeviceOf(leaf.Tree);
                draft.Access(device, draft.AnyKind(), Inside(leaf), 8);
                ReadOnlySpan<int> path = structures.Path(device, leaf);
                draft.Add(new Op.Peek(memory.Address(path[^1])));
                if (Choices.OneIn(3))
                    draft.Add(new Op.Peek(memory.Address(path[Choices.Below(path.Length)])));
                break;
        }
    }

    /// <summary>Another tree, width, type or domain id for a device; other registers; then the right flushes or too few.</summary>
    private void Move()
    {
        if (!TryLeaf(out RawLeaf leaf))
            return;
        int device = structures.DeviceOf(leaf.Tree);
        ulong at = Inside(leaf);
        if (Choices.OneIn(2))
            draft.Access(device, draft.AnyKind(), at, 8);
        if (structures.HasContexts)
            MoveContext(device, leaf);
        else
            MoveProgram(device);
        for (int i = Choices.Between(1, 2); i > 0; i--)
            draft.Access(i == 2 ? draft.AnyDevice() : device, draft.AnyKind(), at, SmallLength());
    }

    private void MoveProgram(int device)
    {
        switch (Choices.Below(8))
        {
            case 0:
                draft.Add(new Op.Unprogram(draft.DeviceSlot(device)));
                if (Choices.OneIn(2))
                    structures.Connect(device, structures.AnyTree());
                break;
            case 1:
                draft.Add(new Op.Program(draft.DeviceSlot(device), memory.AnyFrame() + Choices.Bits(Choices.OneIn(4) ? 12 : 0), Wild.DomainId(Choices)));
                break;
            case < 4:
                int tree = structures.AnyTree();
                structures.ChangeDomainId(tree, Wild.DomainId(Choices));
                structures.Connect(device, tree);
                break;
            default:
                structures.Connect(device, structures.AnyTree());
                break;
        }

        flushes.Any(structures.TreeOf(device));
    }

    private void MoveContext(int device, RawLeaf leaf)
    {
        if (draft.DeviceCount > 1 && Choices.OneIn(6))
        {
            MoveSibling(device, leaf);
            return;
        }

        ReadOnlySpan<int> path = structures.Path(device, leaf);
        switch (Choices.Below(12))
        {
            case 0:
                draft.Add(new Op.SetTranslation(false));
                draft.Access(device, draft.AnyKind(), Inside(leaf), 8);
                draft.Add(Fixed.TranslationOn);
                return;
            case 1:
                structures.UseRootTable(Choices.OneIn(2) ? memory.AnyFrame() : memory.NextFrame());
                if (!Choices.OneIn(4))
                    structures.Connect(device, leaf.Tree);
                break;
            case < 5:
                structures.Connect(device, structures.AnyTree());
                break;
            case 5:
                structures.ChangeDomainId(leaf.Tree, Wild.DomainId(Choices));
                structures.Connect(device, leaf.Tree);
                break;
            case < 8 when path.Length >= 4: // pass-through, blocked, wrong: the type field of the entry's low word
                ulong low = memory[path[2]].Value & ~0b1100UL;
                memory.Store(path[2], low | ((ulong)Choices.Pick<int>([0, 1, 2, 2, 2, 3]) << 2));
                break;
            case 8 when path.Length >= 4: // faults of this device are not recorded, or are again
                memory.Store(path[2], memory[path[2]].Value ^ RawEntries.ContextFaultDisable);
                break;
            case 9 when path.Length >= 4: // another width
                memory.Store(path[3], (memory[path[3]].Value & ~7UL) | Choices.Bits(3));
                break;
            default:
                int word = path[Choices.Below(Math.Min(4, path.Length))];
                memory.Store(word, Mutated(word));
                break;
        }

        flushes.AfterContext(device, leaf);
        if (Choices.OneIn(3) && path.Length >= 4)
            RestoreContext(device, leaf);
    }

    /// <summary>Another device's context changes, and the command that may end it names this device and a function mask.</summary>
    private void MoveSibling(int device, RawLeaf leaf)
    {
        int sibling = (device + Choices.Between(1, draft.DeviceCount - 1)) % draft.DeviceCount;
        if (structures.TreeOf(sibling) != leaf.Tree)
            structures.Connect(sibling, leaf.Tree);
        draft.Access(sibling, draft.AnyKind(), Inside(leaf), 8);
        ushort id = structures.Tree(leaf.Tree).DomainId;
        structures.Connect(sibling, structures.AnyTree());
        draft.Add(new Op.FlushContexts(FlushGranularity.Selective, id, draft.DeviceSlot(device), Choices.Below(4)));
        if (Choices.OneIn(2))
            draft.Add(new Op.FlushIotlb(FlushGranularity.Domain, id, 0, 0, false));
        draft.Access(sibling, draft.AnyKind(), Inside(leaf), 8);
    }

    private void RestoreContext(int device, RawLeaf leaf)
    {
        draft.Access(device, draft.AnyKind(), Inside(leaf), 8);
        structures.Connect(device, leaf.Tree);
        memory.FlushEverything();
    }

    // ---- choices

    private void Plant(int tree, ulong iova, int level)
    {
        int levels = structures.Tree(tree).LevelCount;
        bool first = RawEntries.IsFirstStage(draft.Platform);
        if (!first && !Choices.OneIn(8))
            iova &= Bits.Mask(Math.Min(12 + 9 * levels, draft.Platform.IovaBits));
        ulong physical = Choices.OneIn(10) ? memory.AnyFrame() : draft.Places.Physical(Choices, 1UL << RawEntries.SizeLg2(level));
        int rights = Choices.OneIn(4) ? Choices.Between(1, 2) : 3;
        structures.Plant(tree, iova, level, physical, (rights & 1) != 0, (rights & 2) != 0);
    }

    private int AnyLevel(int levelCount)
    {
        if (!Choices.Percent(draft.Profile.LargePercent))
            return 1;
        int level = Choices.OneIn(3) ? 3 : 2;
        return level < levelCount && (RawEntries.LeafFits(draft.Platform, level) || Choices.OneIn(12)) ? level : 1;
    }

    private RawLeaf AnyLeaf() => structures.Leaf(Choices.Below(structures.LeafCount));

    private bool TryLeaf(out RawLeaf leaf)
    {
        if (structures.LeafCount == 0)
            Build();
        leaf = structures.LeafCount == 0 ? default : AnyLeaf();
        if (structures.LeafCount == 0)
            Wild.Say(draft);
        return structures.LeafCount != 0;
    }

    /// <summary>A word to change: the leaf, most often, or any other on the way.</summary>
    private int PickWord(int device, in RawLeaf leaf)
    {
        ReadOnlySpan<int> path = structures.Path(device, leaf);
        if (Choices.OneIn(2))
            return path[^1];
        int entries = structures.HasContexts && !Choices.OneIn(4) ? Math.Min(4, path.Length - 1) : 0;
        return path[Choices.Between(entries, path.Length - 1)];
    }

    private ulong Spoiled(int word)
    {
        ref RawWord it = ref memory[word];
        return RawEntries.Spoil(Choices, draft.Platform, it.Kind, it.Level, it.Value);
    }

    /// <summary>Another value for a word: one bit, other rights, another place, something reserved, nothing.</summary>
    private ulong Mutated(int word)
    {
        RawWord it = memory[word];
        ulong value = it.Value;
        ulong place = value & ~RawEntries.AddressMask;
        bool leaf = !RawEntries.IsTable(it.Meant, it.Level);
        switch (Choices.Below(14))
        {
            case < 3:
                return value ^ (1UL << Choices.Below(64));
            case 3:
                return 0;
            case 4:
                return it.Meant;
            case < 7 when it.Kind == WordKind.Entry:
                return value ^ RawEntries.OneOf(Choices, RawEntries.Rights(draft.Platform));
            case < 9:
                return place | (leaf && it.Kind == WordKind.Entry ? AnyPhysical(it.Level) : memory.AnyFrame());
            case 9: // a table that contains itself
                return place | (memory.Address(word) & ~(Granule - 1));
            case 10 when it.Kind == WordKind.Entry:
                return value ^ RawEntries.LargePage;
            case 11:
                ulong defined = it.Kind == WordKind.Entry ? RawEntries.Defined(draft.Platform, it.Level, leaf) : 0;
                return value ^ RawEntries.OneOf(Choices, defined != 0 && Choices.OneIn(2) ? defined : RawEntries.Ignored(draft.Platform, leaf));
            case 12: // the value of another word of the same kind, so that tables are shared
                RawWord other = memory[Choices.Below(memory.Count)];
                return other.Kind == it.Kind ? other.Value : value ^ 1;
            default:
                return RawEntries.Spoil(Choices, draft.Platform, it.Kind, it.Level, value);
        }
    }

    private ulong AnyPhysical(int level) =>
        draft.Places.Physical(Choices, Granule) & RawEntries.AddressMask & ~Bits.Mask(Math.Min(30, RawEntries.SizeLg2(level)));

    private ulong Inside(in RawLeaf leaf) => leaf.Iova + (Choices.Bits(RawEntries.SizeLg2(leaf.Level)) & ~(Choices.OneIn(4) ? 0UL : 7UL));

    /// <summary>An address just outside a leaf, or across its end.</summary>
    private ulong Beside(in RawLeaf leaf)
    {
        ulong size = 1UL << RawEntries.SizeLg2(leaf.Level);
        return unchecked(Choices.Below(4) switch
        {
            0 => leaf.Iova - 8,
            1 => leaf.Iova + size,
            2 => leaf.Iova + size - 4,
            _ => leaf.Iova ^ (1UL << Choices.Between(12, 63)),
        });
    }

    private void ProbeLeaf(int device, in RawLeaf leaf, ulong at)
    {
        draft.Access(device, draft.AnyKind(), at, SmallLength());
        if (Choices.OneIn(2))
            draft.Access(Choices.OneIn(2) ? draft.AnyDevice() : device, draft.AnyKind(), Choices.OneIn(2) ? Inside(leaf) : at, 8);
        if (Choices.OneIn(6))
            draft.Access(device, draft.AnyKind(), Beside(leaf), SmallLength());
    }

    private ulong SmallLength() => Choices.OneIn(8) ? Places.AccessLength(Choices) : 8;
}
