using System.Collections.Immutable;
using IommuHarness.Generate;
using IommuSpec;
using IommuSpec.Formats;
using IommuSpec.Rules;
using IommuVerify.Tests.Properties.Support;
using Xunit;

namespace IommuVerify.Tests.Properties;

/// <summary>WLK: what the bits of an entry mean, and that the tables of bits say about every bit exactly one thing.</summary>
public class TableWalkProperties
{
    private const int HighestLevel = 4;

    [SpecProperty(MaxTest = 1000)]
    public void The_implementation_conforms_on_raw_tables(Seed seed) => Conformance.Holds("tables", seed.Value);

    [SpecProperty]
    public void Rows_of_a_bit_table_are_disjoint_and_cover_all_64_bits(Platform platform)
    {
        PageTableFormat format = PageTableFormat.Of(platform);
        foreach ((int level, bool leaf) in Kinds)
            AssertCovers(format.Fields(level, leaf));
    }

    // Written a second time from the manual's words, not from the tables of bits.
    [SpecProperty]
    public void Reserved_bits_are_the_fact_sheets(Platform platform)
    {
        PageTableFormat format = PageTableFormat.Of(platform);
        foreach ((int level, bool leaf) in Kinds)
        {
            ulong expected = platform.Format == TableFormat.VtdSecondStage ? SecondStageReserved(platform, level, leaf) : FirstStageReserved(platform, level, leaf);
            Assert.Equal(expected, format.ReservedMask(level, leaf));
        }
    }

    [SpecProperty]
    public void A_bit_of_the_address_moves_the_entry_of_its_own_level_only(ulong iova)
    {
        for (int bit = 0; bit < PageTableFormat.SpanLg2(HighestLevel + 1); bit++)
        {
            for (int level = 0; level <= HighestLevel; level++)
            {
                bool own = bit >= Platform.GranuleLg2 && (bit - Platform.GranuleLg2) / PageTableFormat.IndexBits == level;
                ulong moved = PageTableFormat.EntryAddress(0, level, iova) ^ PageTableFormat.EntryAddress(0, level, iova ^ (1UL << bit));
                Assert.Equal(own ? 8UL << (bit - PageTableFormat.SpanLg2(level)) : 0, moved);
            }
        }
    }

    [SpecProperty]
    public void Flipping_an_ignored_bit_changes_nothing_and_a_reserved_one_stops_the_walk(Platform platform, ulong entry, AccessKind kind)
    {
        PageTableFormat format = PageTableFormat.Of(platform);
        for (int level = 0; level <= HighestLevel; level++)
        {
            bool leaf = PageTableFormat.IsLeaf(level, entry);
            EntryMeaning meaning = TableWalk.Interpret(format, level, entry, kind);
            foreach (BitField field in format.Fields(level, leaf))
            {
                for (int bit = field.Low; bit <= field.High; bit++)
                {
                    EntryMeaning flipped = TableWalk.Interpret(format, level, entry ^ (1UL << bit), kind);
                    if (field.Use == Use.Ignored)
                        Assert.Equal(meaning, flipped);
                    else if (field.Use == Use.Reserved && meaning.Kind != EntryKind.Fault && PageTableFormat.IsLeaf(level, entry ^ (1UL << bit)) == leaf)
                        Assert.Equal((EntryKind.Fault, format.Reserved), (flipped.Kind, flipped.Reason));
                }
            }
        }
    }

    [SpecProperty]
    public void Hardware_sets_accessed_and_dirty_bits_and_touches_nothing_else(RawPlay play)
    {
        ulong may = play.State.Platform.Format == TableFormat.X86FirstStage ? 0x60u : 0;
        foreach (Op.Access probe in play.Probes().Take(16))
        {
            Allowed allowed = Spec.Step(play.State, probe);
            foreach (Hardware after in allowed.Ways().Select(way => way.Next.Hardware))
            {
                foreach (ulong at in after.Memory.Words().Select(word => word.Physical))
                {
                    Word before = play.State.Hardware.Read(at);
                    Word now = after.Read(at);
                    Assert.Equal(before.Value | before.Maybe, (before.Value | before.Maybe) & (now.Value | now.Maybe));
                    Assert.Equal(0ul, ((now.Value | now.Maybe) ^ (before.Value | before.Maybe)) & ~may);
                }
            }
        }
    }

    [SpecProperty]
    public void A_walk_of_one_leaf_replaces_the_low_bits_of_its_address(ulong iova, byte row, byte size)
    {
        Platform platform = Platforms.All[row % Platforms.All.Length].Platform with { Contexts = ContextMode.Direct, CachingMode = false };
        PageTableFormat format = PageTableFormat.Of(platform);
        int leafLevel = size % 3;
        if (!format.HasLeaves(leafLevel) || !format.InRange(platform.LevelCount, iova))
            return;
        ulong page = leafLevel == 2 ? 1UL << 30 : 1UL << 31;
        State state = Spec.Start(platform);
        foreach (Op op in Tables(platform, iova, leafLevel, page))
            state = Play.After(state, op);
        Assert.Equal(
            Outcome.Landed(page | (iova & Bits.Mask(PageTableFormat.SpanLg2(leafLevel)))),
            Assert.Single(Play.Answers(state, new(0, AccessKind.Read, iova, 1))[0].Answers).Outcome);
    }

    /// <summary>Tables at 0x1000, 0x2000 and so on that lead from the root down to one leaf; all rights at every level.</summary>
    private static IEnumerable<Op> Tables(Platform platform, ulong iova, int leafLevel, ulong page)
    {
        yield return new Op.Program(0, 0x1000, 1);
        ulong table = 0x1000;
        for (int level = platform.LevelCount - 1; level > leafLevel; level--)
        {
            yield return new Op.Poke(PageTableFormat.EntryAddress(table, level, iova), (table + 0x1000) | 7);
            table += 0x1000;
        }

        yield return new Op.Poke(PageTableFormat.EntryAddress(table, leafLevel, iova), page | (leafLevel == 0 ? 7u : 0x87u));
    }

    /// <summary>Every entry that there is: leaves at levels 0 to 2, table entries above level 0.</summary>
    private static IEnumerable<(int Level, bool Leaf)> Kinds =>
        Enumerable.Range(0, 3).Select(level => (level, true)).Concat(Enumerable.Range(1, HighestLevel).Select(level => (level, false)));

    internal static void AssertCovers(ImmutableArray<BitField> fields)
    {
        ulong seen = 0;
        foreach (BitField field in fields)
        {
            Assert.Equal(0ul, seen & field.Mask);
            seen |= field.Mask;
        }

        Assert.Equal(ulong.MaxValue, seen);
    }

    // VT-d 9.8; QEMU vtd_spte_rsvd and vtd_spte_rsvd_large.
    private static ulong SecondStageReserved(Platform platform, int level, bool leaf) =>
        Beyond(platform)
        | (leaf && platform.SnoopControl ? 0 : 0x800ul)
        | (leaf && platform.DeviceTlb ? 0 : 1ul << 62)
        | (!leaf && level >= 3 ? 0x80ul : 0)
        | (leaf ? LargeLeaf(platform, level, lowest: 12) : 0);

    // x86-64, VT-d 9.8.
    private static ulong FirstStageReserved(Platform platform, int level, bool leaf) =>
        Beyond(platform)
        | (platform.NoExecute ? 0 : 1ul << 63)
        | (!leaf && level >= 3 ? 0x80ul : 0)
        | (leaf ? LargeLeaf(platform, level, lowest: 13) : 0);

    /// <summary>2 MiB: address bits up to 20; 1 GiB: up to 29; PS where the page does not exist.</summary>
    private static ulong LargeLeaf(Platform platform, int level, int lowest) => level switch
    {
        1 => Bits.Span(20, lowest) | (platform.Pages2M ? 0 : 0x80ul),
        2 => Bits.Span(29, lowest) | (platform.Pages1G ? 0 : 0x80ul),
        _ => 0,
    };

    private static ulong Beyond(Platform platform)
    {
        ulong mask = 0;
        for (int bit = platform.PhysicalBits; bit <= 51; bit++)
            mask |= 1ul << bit;
        return mask;
    }
}
