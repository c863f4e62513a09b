using IommuSpec;

namespace IommuHarness.Generate;

/// <summary>The invalidation after a change: the right one, none, one that is too narrow, or one for something else.</summary>
internal sealed class HardwareFlushes(Draft draft, RawMemory memory, RawStructures structures)
{
    /// <summary>The largest block that one page-selective command ends, in pages, lg2.</summary>
    private const int LargestPagesLg2 = 18;

    private Choices Choices => draft.Choices;

    /// <summary>After a word on the way from a device to a leaf changed.</summary>
    internal void After(int word, in RawLeaf leaf, int device)
    {
        if (memory[word].Kind != WordKind.Entry)
        {
            AfterContext(device, leaf);
            return;
        }

        ushort id = structures.Tree(leaf.Tree).DomainId;
        int level = memory[word].Level;
        switch (Choices.Below(16))
        {
            case < 4:
                return;
            case < 9: // the right one: everything under the changed entry
                draft.Add(Under(id, leaf.Iova, level, level == leaf.Level && Choices.OneIn(2)));
                return;
            case 9:
                draft.Add(new Op.FlushIotlb(FlushGranularity.Domain, id, 0, 0, false));
                return;
            case 10 or 11:
                memory.FlushEverything();
                return;
            case 12: // leaves only, whatever changed
                draft.Add(Under(id, leaf.Iova, level, true));
                return;
            case 13: // another domain id
                draft.Add(Under(Wild.DomainId(Choices), leaf.Iova, level, false));
                return;
            case 14: // one page of many, or the one beside
                draft.Add(Under(id, leaf.Iova ^ (Choices.OneIn(2) ? Platform.Granule : 0), 1, false));
                return;
            default:
                Any(leaf.Tree);
                return;
        }
    }

    /// <summary>After a root or context entry changed.</summary>
    internal void AfterContext(int device, in RawLeaf leaf)
    {
        if (!structures.HasContexts)
        {
            Any(leaf.Tree);
            return;
        }

        ushort id = structures.Tree(leaf.Tree).DomainId;
        if (Choices.OneIn(5))
            return;
        if (Choices.OneIn(3))
        {
            memory.FlushEverything();
            return;
        }

        if (!Choices.OneIn(6))
            draft.Add(ContextFlush(device, id));
        if (!Choices.OneIn(4))
            draft.Add(Choices.OneIn(5) ? Fixed.FlushWholeIotlb : new Op.FlushIotlb(FlushGranularity.Domain, id, 0, 0, false));
    }

    /// <summary>Some command, most often about the tree's domain id.</summary>
    internal void Any(int tree)
    {
        if (Choices.OneIn(3) && tree >= 0)
            draft.Add(new Op.FlushIotlb(FlushGranularity.Domain, structures.Tree(tree).DomainId, 0, 0, false));
        else if (Choices.OneIn(2))
            draft.Add(structures.HasContexts && Choices.OneIn(2) ? Wild.AnyContextFlush(draft) : Wild.AnyIotlbFlush(draft));
    }

    private Op ContextFlush(int device, ushort id) => Choices.Below(8) switch
    {
        0 => Fixed.FlushAllContexts,
        1 or 2 => new Op.FlushContexts(FlushGranularity.Domain, id, 0, 0),
        < 5 => new Op.FlushContexts(FlushGranularity.Selective, id, draft.DeviceSlot(device), Choices.OneIn(3) ? Choices.Between(1, 3) : 0),
        < 7 => new Op.FlushContexts(FlushGranularity.Selective, id, draft.DeviceSlot(draft.AnyDevice()), Choices.Below(4)),
        _ => Wild.AnyContextFlush(draft),
    };

    /// <summary>
    /// Ends what lies under one entry of the level, by any address there; the whole domain where no page-selective command is
    /// that large.
    /// </summary>
    private Op.FlushIotlb Under(ushort id, ulong iova, int level, bool leafOnly)
    {
        int pagesLg2 = RawEntries.SizeLg2(level) - Platform.GranuleLg2;
        if (Choices.OneIn(2))
            iova ^= Choices.Bits(RawEntries.SizeLg2(level)) & ~(Platform.Granule - 1);
        return pagesLg2 <= LargestPagesLg2
            ? new(FlushGranularity.Selective, id, iova, pagesLg2, leafOnly)
            : new(FlushGranularity.Domain, id, 0, 0, false);
    }
}
