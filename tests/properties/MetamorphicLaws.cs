using System.Collections.Immutable;
using IommuHarness.Generate;
using IommuHarness.Targets;
using IommuSpec;
using IommuVerify.Tests.Properties.Support;
using Xunit;
using Impl = IommuImpl;

namespace IommuVerify.Tests.Properties;

/// <summary>
/// Two ways of asking the implementation for the same thing, which must come to the same; what its tables hold in memory before and after.
/// The specification has no part in these.
/// </summary>
public sealed class MetamorphicLaws : IDisposable
{
    private const int Most = 24;

    private readonly ImplTarget target = new();

    public void Dispose() => target.Dispose();

    /// <summary>Each address after nothing, after all others, and after itself: reads, writes and neighbours leave pointers and leaves behind for each other.</summary>
    [SpecProperty]
    public void Cold_is_warm_is_after_a_flush(AnyPlay play)
    {
        Impl.Iommu iommu = After(play, settled: true);
        (ushort Requester, ulong Iova, Impl.AccessKind Kind)[] probes =
        [
            .. Probes(play).Take(Most).SelectMany(probe => Enum.GetValues<Impl.AccessKind>().SelectMany(kind =>
                ((ulong[])[probe.Iova, probe.Iova ^ 0x1000, probe.Iova ^ 0x20_0000]).Select(iova => (probe.Requester, iova, kind)))),
        ];
        Impl.TranslateResult[] inMemory = Each(iommu.TranslateUncached);
        Assert.Equal(inMemory, Each(iommu.Translate));
        Assert.Equal(inMemory, Each(iommu.Translate));
        Settle(iommu);
        Assert.Equal(inMemory, Each(iommu.Translate));

        Impl.TranslateResult[] Each(Func<ushort, ulong, Impl.AccessKind, Impl.TranslateResult> translate) =>
            [.. probes.Select(probe => translate(probe.Requester, probe.Iova, probe.Kind))];
    }

    /// <summary>The same where one level on the way takes the right to write: reads leave behind what writes must not use.</summary>
    [Fact]
    public void A_right_that_is_missing_on_the_way_is_missing_warm_as_cold()
    {
        foreach (Platform platform in FormatLaws.Configurations())
        {
            using Impl.Iommu iommu = new(ImplNames.Options(platform));
            for (int readOnly = 1; readOnly <= platform.LevelCount; readOnly++)
            {
                iommu.Reset(iommu.Options);
                iommu.ProgramDevice(0, 0x1000, 1);
                for (int level = platform.LevelCount; level > 1; level--)
                    iommu.Memory.WriteWord(0x1000 * (ulong)(platform.LevelCount - level + 1), Entry(0x1000 * (ulong)(platform.LevelCount - level + 2), level));
                for (ulong page = 0; page < 4; page++)
                    iommu.Memory.WriteWord(0x1000 * (ulong)platform.LevelCount + 8 * page, Entry(0x10_0000 + 0x1000 * page, 1));
                for (ulong page = 0; page < 4; page++)
                {
                    Assert.Equal(iommu.TranslateUncached(0, 0x1000 * page, Impl.AccessKind.Read), iommu.Translate(0, 0x1000 * page, Impl.AccessKind.Read));
                    Assert.True(iommu.Translate(0, 0x1000 * (page ^ 1), Impl.AccessKind.Write).IsFault);
                }

                ulong Entry(ulong address, int level) => address | (FormatSheet.AllRights(platform) & ~(level == readOnly ? 2UL : 0));
            }
        }
    }

    [SpecProperty]
    public void Neighbours_of_a_range_keep_their_mapping(SoftwarePlay play)
    {
        foreach (Op op in play.Rest.Where(op => op is Op.Map or Op.Unmap).Take(4))
        {
            Impl.Iommu iommu = After(play, settled: false);
            if (Range(play.Named.Platform, iommu, op) is not var (domain, range))
                continue;
            ulong[] outside =
            [
                .. TableReader.Leaves(iommu, domain).SelectMany(Ends).Append(unchecked(range.First - 1)).Append(unchecked(range.Last + 1))
                    .Where(iova => !range.Contains(iova)).Distinct().Take(256),
            ];
            (Impl.Status, ulong)[] before = [.. outside.Select(iova => Lookup(iommu, domain, iova))];
            Apply(iommu, op);
            Assert.Equal(before, outside.Select(iova => Lookup(iommu, domain, iova)));
        }
    }

    [SpecProperty]
    public void An_invalidation_of_what_was_unmapped_leaves_nothing_of_it(SoftwarePlay play)
    {
        foreach (Op.Unmap op in play.Scenario.Ops.OfType<Op.Unmap>().Take(4))
        {
            Impl.Iommu iommu = After(play, settled: true);
            (ushort Requester, ulong Iova, Impl.AccessKind Kind)[] probes = [.. Probes(play)];
            foreach ((ushort requester, ulong iova, Impl.AccessKind kind) in probes)
                iommu.Translate(requester, iova, kind);
            iommu.Unmap(op.Domain, op.Iova, op.Length, out ulong unmapped);
            // by whole leaves an unmap may take more than it was asked for, from the start of its range upwards without a hole
            ulong length = iommu.Options.Unmap == Impl.UnmapPolicy.Leaf ? unmapped : op.Length;
            if (iommu.Invalidate(op.Domain, op.Iova, length) != Impl.Status.Done)
                continue;
            AddressRange range = AddressRange.Of(op.Iova, length);
            foreach ((ushort requester, ulong iova, Impl.AccessKind kind) in probes.Where(probe => range.Contains(probe.Iova)))
                Assert.Equal(iommu.TranslateUncached(requester, iova, kind), iommu.Translate(requester, iova, kind));
        }
    }

    /// <summary>A table that was emptied stays what it was until its range is invalidated, or until a large page stands in its place.</summary>
    [SpecProperty]
    public void No_table_is_given_to_something_else_while_a_cache_may_reach_it(SoftwarePlay play)
    {
        int[] domains = [.. play.Scenario.Ops.OfType<Op.Map>().Select(map => map.Domain).Distinct()];
        foreach (Op.Unmap unmap in play.Scenario.Ops.OfType<Op.Unmap>().Take(4))
        {
            Impl.Iommu iommu = After(play, settled: true);
            Dictionary<ulong, (int Domain, FoundTable Table)> before = Tables(iommu, domains);
            Apply(iommu, unmap);
            foreach (Op.Map map in play.Scenario.Ops.OfType<Op.Map>())
                Apply(iommu, map);
            foreach ((ulong address, (int domain, FoundTable table)) in Tables(iommu, domains))
            {
                if (!before.TryGetValue(address, out (int Domain, FoundTable Table) old) || old == (domain, table))
                    continue;
                Assert.Contains(
                    TableReader.Leaves(iommu, old.Domain),
                    leaf => leaf.SizeLg2 >= 12 + 9 * old.Table.Level && AddressRange.Block(leaf.Iova, leaf.SizeLg2).Contains(old.Table.Iova));
            }
        }
    }

    [SpecProperty]
    public void A_map_that_finds_no_memory_leaves_nothing_behind(SoftwarePlay play)
    {
        int[] domains = [.. play.Scenario.Ops.OfType<Op.Map>().Select(map => map.Domain).Distinct()];
        foreach (Op.Map map in play.Scenario.Ops.OfType<Op.Map>().Take(6))
        {
            Impl.Iommu iommu = After(play, settled: false);
            iommu.FailNextAllocation(0);
            for (int failing = 1; failing <= 4; failing++)
            {
                FoundLeaf[] leaves = [.. domains.SelectMany(domain => TableReader.Leaves(iommu, domain))];
                (ulong bytes, int tableCount) = (iommu.MappedBytes, iommu.TablesInUse);
                iommu.FailNextAllocation(failing);
                if (Apply(iommu, map) != Impl.Status.NoMemory)
                    break;
                Assert.Equal(leaves, domains.SelectMany(domain => TableReader.Leaves(iommu, domain)));
                Assert.Equal(bytes, iommu.MappedBytes);
                Assert.InRange(iommu.TablesInUse, 0, tableCount);
            }
        }
    }

    [SpecProperty]
    public void Reset_returns_to_the_start(AnyPlay play, AnyPlay before)
    {
        target.Run(before.Scenario);
        ImmutableArray<Observation> again = target.Run(play.Scenario);
        using ImplTarget fresh = new();
        Assert.Equal(fresh.Run(play.Scenario), again);

        Impl.Iommu iommu = target.Left!;
        iommu.Reset(iommu.Options);
        Assert.Equal((0ul, 0, 0), (iommu.MappedBytes, iommu.AttachedCount, iommu.TablesInUse));
        Assert.Equal(0, iommu.DrainFaults(new Impl.FaultRecord[256], out bool overflow));
        Assert.False(overflow);
        Assert.All(play.Scenario.Ops.OfType<Op.Poke>().Where(poke => poke.Physical % 8 == 0), poke => Assert.Equal(0ul, iommu.Memory.ReadWord(poke.Physical)));
    }

    // ---- the implementation

    /// <summary>The implementation where the play stands, with every cache emptied if so wished.</summary>
    private Impl.Iommu After(Play play, bool settled)
    {
        target.Run(play.Scenario with { Ops = play.Scenario.Ops[..^play.Rest.Length] });
        Impl.Iommu iommu = target.Left!;
        if (settled)
            Settle(iommu);
        return iommu;
    }

    /// <summary>Ends whatever is cached, at either level; the commands of the other level are refused.</summary>
    private static void Settle(Impl.Iommu iommu)
    {
        iommu.InvalidateAll();
        iommu.InvalidateContexts(1, 0, 0, 0);
        iommu.InvalidateIotlb(1, 0, 0, 0, leafOnly: false);
    }

    private static Impl.Status Apply(Impl.Iommu iommu, Op op) => op switch
    {
        Op.Map map => iommu.Map(map.Domain, map.Iova, map.Length, map.Physical, ImplNames.Rights(map.Rights)),
        Op.Unmap unmap => iommu.Unmap(unmap.Domain, unmap.Iova, unmap.Length, out _),
        _ => throw new InvalidOperationException("neither map nor unmap"),
    };

    private static (Impl.Status, ulong) Lookup(Impl.Iommu iommu, int domain, ulong iova) =>
        (iommu.Lookup(domain, iova, out ulong physical), physical);

    /// <summary>What an operation may change: its range, and where leaves go whole the rest of the one that it ends in.</summary>
    private static (int Domain, AddressRange Range)? Range(Platform platform, Impl.Iommu iommu, Op op)
    {
        (int domain, ulong first, ulong length) = op is Op.Map map ? (map.Domain, map.Iova, map.Length) : ((Op.Unmap)op is var unmap ? (unmap.Domain, unmap.Iova, unmap.Length) : default);
        if (length == 0 || AddressRange.Wraps(first, length))
            return null;
        AddressRange range = AddressRange.Of(first, length);
        if (op is not Op.Unmap || platform.Unmap != UnmapPolicy.Leaf)
            return (domain, range);
        foreach (FoundLeaf leaf in TableReader.Leaves(iommu, domain))
        {
            AddressRange block = AddressRange.Block(leaf.Iova, leaf.SizeLg2);
            if (block.Contains(range.Last))
                return (domain, range with { Last = block.Last });
        }

        return (domain, range);
    }

    private static IEnumerable<ulong> Ends(FoundLeaf leaf) => [leaf.Iova, leaf.Iova + ((1UL << leaf.SizeLg2) - 1)];

    private static Dictionary<ulong, (int Domain, FoundTable Table)> Tables(Impl.Iommu iommu, IEnumerable<int> domains) =>
        domains.SelectMany(domain => TableReader.Tables(iommu, domain).Select(table => (domain, table))).ToDictionary(found => found.table.Address);

    private static IEnumerable<(ushort Requester, ulong Iova, Impl.AccessKind Kind)> Probes(Play play) =>
        play.Probes().Select(probe => (Platform.RequesterId(probe.Device), probe.Iova, ImplNames.Kind(probe.Kind)));
}
