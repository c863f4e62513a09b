using System.Collections.Immutable;
using IommuHarness.Targets;
using IommuSpec;
using IommuVerify.Tests.Properties.Support;
using Xunit;

namespace IommuVerify.Tests.Properties;

/// <summary>
/// Each field at its bit, for every level of every configuration: walking ones over every entry on the way of an access, in the specification and in
/// the implementation alike, against the manual's tables.
/// </summary>
public sealed class FormatLaws : IDisposable
{
    /// <summary>A table, or a page in its stead: aligned to the largest page and clear of the interrupt window.</summary>
    private const ulong Table = 1UL << 31;
    private const ulong Page = 5UL << 30;
    private const ulong OtherPage = 7UL << 30;

    /// <summary>No two levels' indices are alike.</summary>
    private const ulong Irregular = 0x005a_c3e1_7d2b_9123;

    private static readonly bool[] Bools = [true, false];
    private static readonly int[] PhysicalWidths = [36, 46, 52];

    private readonly ImplTarget implementation = new();

    private IEnumerable<ITarget> Both => [SpecTarget.First, implementation];

    public void Dispose() => implementation.Dispose();

    [Fact]
    public void Every_bit_of_a_paging_entry_does_what_the_fact_sheet_says()
    {
        foreach (Platform platform in Configurations())
        {
            for (int level = 1; level <= platform.LevelCount; level++)
            {
                if (level > 1)
                    WalkOnes(platform, level, leaf: false);
                if (level == 1 || (level == 2 && platform.Pages2M) || (level == 3 && platform.Pages1G))
                    WalkOnes(platform, level, leaf: true);
            }
        }
    }

    private void WalkOnes(Platform platform, int level, bool leaf)
    {
        BitUse[] uses = FormatSheet.Entry(platform, level, leaf);
        for (int bit = 0; bit < 64; bit++)
        {
            // The entry grants everything; one bit of it is the other way round.
            ulong entry = (leaf ? Page | (level > 1 ? 0x80u : 0) : Table) | FormatSheet.AllRights(platform);
            ImmutableArray<Op> ops = [.. Way(platform, level, entry ^ (1UL << bit)), .. Below(platform, level, leaf, bit), .. Accesses(platform)];
            foreach (ITarget target in Both)
            {
                ImmutableArray<Observation> seen = target.Run(new(platform, ops));
                foreach ((AccessKind kind, int at) in new[] { (AccessKind.Read, ops.Length - 2), (AccessKind.Write, ops.Length - 1) })
                {
                    Outcome expected = Expected(platform, level, leaf, uses[bit], bit, kind);
                    Assert.True(
                        Only(seen[at]) == expected,
                        $"{target.Name}: bit {bit} of {(leaf ? "a leaf" : "a table entry")} at level {level} of {platform}: {kind} {Only(seen[at])}, the sheet says {expected}");
                }
            }
        }
    }

    private static Outcome Expected(Platform platform, int level, bool leaf, BitUse use, int bit, AccessKind kind)
    {
        ulong offset = Input(platform) & Bits.Mask(leaf ? 3 + 9 * level : 12);
        ulong page = leaf && use == BitUse.Address ? Page ^ (1UL << bit) : !leaf && use == BitUse.Address ? OtherPage : Page;
        bool hasSize = level == 2 ? platform.Pages2M : platform.Pages1G;
        return use switch
        {
            BitUse.Reserved => Outcome.Faulted(FormatSheet.Reserved(platform)),
            BitUse.PageSize when leaf => Outcome.Faulted(FormatSheet.Absent(platform, kind)),
            BitUse.PageSize when hasSize => Outcome.Landed(Table | (Input(platform) & Bits.Mask(3 + 9 * level))),
            BitUse.PageSize => Outcome.Faulted(FormatSheet.Reserved(platform)),
            _ => FormatSheet.Missing(platform, use, kind) is { } reason ? Outcome.Faulted(reason) : Outcome.Landed(page | offset),
        };
    }

    /// <summary>The tables from the root down to a level, where an entry stands.</summary>
    private static IEnumerable<Op> Way(Platform platform, int level, ulong entry)
    {
        ulong table = 0x1000;
        yield return new Op.Program(0, table, 1);
        for (int above = platform.LevelCount; above > level; above--, table += 0x1000)
            yield return new Op.Poke(At(table, above, Input(platform)), (table + 0x1000) | FormatSheet.AllRights(platform));
        yield return new Op.Poke(At(table, level, Input(platform)), entry);
    }

    /// <summary>What a table entry leads to: one page from where it points, another from where it points with a bit turned round.</summary>
    private static IEnumerable<Op> Below(Platform platform, int level, bool leaf, int bit)
    {
        if (leaf)
            return [];
        IEnumerable<Op> usual = Chain(platform, level - 1, Table, 0x10_0000, Page);
        return bit is >= 12 and < 52 ? usual.Concat(Chain(platform, level - 1, Table ^ (1UL << bit), 0x20_0000, OtherPage)) : usual;
    }

    private static IEnumerable<Op> Chain(Platform platform, int level, ulong table, ulong next, ulong page)
    {
        for (; level > 1; level--, table = next, next += 0x1000)
        {
            if (table >> platform.PhysicalBits == 0)
                yield return new Op.Poke(At(table, level, Input(platform)), next | FormatSheet.AllRights(platform));
        }

        if (table >> platform.PhysicalBits == 0)
            yield return new Op.Poke(At(table, 1, Input(platform)), page | FormatSheet.AllRights(platform));
    }

    private static IEnumerable<Op> Accesses(Platform platform) =>
        [new Op.Access(0, AccessKind.Read, Input(platform), 1), new Op.Access(0, AccessKind.Write, Input(platform), 1)];

    [Fact]
    public void Accessed_and_dirty_are_bits_5_and_6_of_first_stage_entries_and_nothing_of_the_second_stage()
    {
        foreach (Platform platform in Configurations())
        {
            bool first = platform.Format == TableFormat.X86FirstStage;
            for (int leafLevel = 1; leafLevel <= (platform.Pages1G ? 3 : platform.Pages2M ? 2 : 1); leafLevel++)
            {
                ulong leaf = Page | FormatSheet.AllRights(platform) | (leafLevel > 1 ? 0x80u : 0);
                ImmutableArray<Op> way = [.. Way(platform, leafLevel, leaf)];
                Op.Poke[] pokes = [.. way.OfType<Op.Poke>()];
                foreach ((AccessKind kind, ulong ofLeaf) in new[] { (AccessKind.Read, 0x20ul), (AccessKind.Write, 0x60ul) })
                {
                    ImmutableArray<Op> ops = [.. way, new Op.Access(0, kind, Input(platform), 1), .. pokes.Select(poke => new Op.Peek(poke.Physical))];
                    IEnumerable<Observation> expected = pokes.Select((poke, i) =>
                        new Observation.Word(poke.Value | (first ? i == pokes.Length - 1 ? ofLeaf : 0x20ul : 0)));
                    foreach (ITarget target in Both)
                        Assert.Equal(expected, target.Run(new(platform, ops))[^pokes.Length..]);
                }
            }
        }
    }

    /// <summary>A leaf found by one bit of the address is found by that address only, and by all 12 bits of offset below it.</summary>
    [Fact]
    public void Index_bits_of_the_levels_tile_the_address()
    {
        foreach (Platform platform in Configurations().Where(platform => platform.PhysicalBits == 52))
        {
            int inputBits = 12 + 9 * platform.LevelCount;
            int highest = platform.Format == TableFormat.X86FirstStage ? inputBits - 1 : inputBits;
            for (int own = 12; own < highest; own++)
            {
                Op[] tables = [.. Tables(platform, 1UL << own)];
                Op[] probes = [.. Enumerable.Range(0, 64).Select(bit => new Op.Access(0, AccessKind.Read, (1UL << own) ^ (1UL << bit), 1))];
                foreach (ITarget target in Both)
                {
                    ImmutableArray<Observation> seen = target.Run(new(platform, [.. tables, .. probes]));
                    for (int bit = 0; bit < 64; bit++)
                    {
                        Outcome expected = bit < 12 ? Outcome.Landed(Page | (1UL << bit))
                            : bit < highest ? Outcome.Faulted(FormatSheet.Absent(platform, AccessKind.Read))
                            : Outcome.Faulted(FormatSheet.BeyondInput(platform));
                        Assert.Equal(expected, Only(seen[tables.Length + bit]));
                    }
                }
            }
        }
    }

    private static IEnumerable<Op> Tables(Platform platform, ulong iova)
    {
        ulong table = 0x1000;
        yield return new Op.Program(0, table, 1);
        for (int level = platform.LevelCount; level > 1; level--, table += 0x1000)
            yield return new Op.Poke(At(table, level, iova), (table + 0x1000) | FormatSheet.AllRights(platform));
        yield return new Op.Poke(At(table, 1, iova), Page | FormatSheet.AllRights(platform));
    }

    /// <summary>Every width and level count of both formats, with all optional bits and with none.</summary>
    internal static IEnumerable<Platform> Configurations() =>
        from format in Enum.GetValues<TableFormat>()
        from levels in Enumerable.Range(3, 3)
        where format == TableFormat.VtdSecondStage || levels > 3
        from has in Bools
        from physicalBits in PhysicalWidths
        select new Platform
        {
            Format = format, Contexts = ContextMode.Direct, LevelCount = levels, PhysicalBits = physicalBits, IovaBits = 64,
            Pages2M = has || format == TableFormat.X86FirstStage, Pages1G = has, SnoopControl = has, DeviceTlb = has, NoExecute = has,
        };

    /// <summary>An address with no two indices alike that the tables can translate; in the first stage, of the lower half.</summary>
    private static ulong Input(Platform platform) => Irregular & Bits.Mask(12 + 9 * platform.LevelCount - 1);

    private static ulong At(ulong table, int level, ulong iova) => table + ((iova >> (3 + 9 * level)) % 512 * 8);

    private static Outcome Only(Observation seen) => Assert.Single(Assert.IsType<Observation.Moved>(seen).Pieces).Outcome;
}
