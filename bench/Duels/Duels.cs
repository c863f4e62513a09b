using System.Collections.Immutable;

namespace IommuVerify.Bench;

/// <summary>The ratios that matter, each measured by turns of its two sides.</summary>
/// <param name="quick">Everything once and without the largest tables: whether it works.</param>
/// <param name="only">Part of the names of the goals measured; null for all.</param>
public sealed class Duels(bool quick, string? only)
{
    /// <summary>The goal whose nanoseconds are those of a recorded call.</summary>
    public const string KernelCall = "recorded kernel call";
    private readonly ImmutableArray<Goal>.Builder _goals = ImmutableArray.CreateBuilder<Goal>();
    private readonly TimeSpan _budget = quick ? TimeSpan.FromMilliseconds(1) : TimeSpan.FromSeconds(2);

    public ImmutableArray<Goal> Measure()
    {
        OfHits();
        foreach (var pages in quick ? [1 << 9, 1 << 16] : new[] { 1 << 9, 1 << 16, 1 << 24 })
            OfWalks(pages);
        OfMapAndUnmap();
        OfKernelCalls();
        return _goals.ToImmutable();
    }

    private void OfHits()
    {
        using var hits = new Hits();
        hits.Setup();
        Contestant Hundreds(Func<ulong> run) => new(run, Places.PerRound, 8);
        AtMost(1.2, "IOTLB hit", "the look-up by hand", Hundreds(hits.Translate), Hundreds(hits.TranslateByHand));
        AtMost(1.2, "IOTLB hit after the answer before", "the look-up by hand", Hundreds(hits.TranslateInTurn), Hundreds(hits.TranslateByHandInTurn));
        AtMost(1.2, "IOTLB hit, 64 devices in turn", "the look-up by hand", Hundreds(hits.TranslateManyDevices), Hundreds(hits.TranslateByHandManyDevices));
    }

    private void OfWalks(int pages)
    {
        using var ours = new Walks { Pages = pages };
        using var cached = new Walks { Pages = pages };
        using var bare = new Walks { Pages = pages };
        using var hand = new Walks { Pages = pages };
        ours.Setup();
        cached.SetupWithoutIotlb();
        bare.SetupBare();
        hand.SetupByHand();
        // A warm turn asks for every address once before it is timed; the largest tables do not fit a cache.
        var warm = pages < 1 << 24;
        Contestant All(Func<ulong> run) => new(run, Places.PerRound, warm ? Math.Clamp(pages / 4 / Places.PerRound, 2, 4) : 1, warm);
        var over = $"over {Text.Count(pages)} pages";
        AtMost(1.0, $"checked walk {over}", "the loop by hand", All(ours.Walk), All(hand.WalkByHand));
        AtMost(1.0, $"checked walks {over} that overlap", "the loop by hand", All(ours.WalkOverlapping), All(hand.WalkByHandOverlapping));
        AtMost(1.6, $"checked walk {over}", "bare dependent loads", All(ours.Walk), All(bare.BareWalk));
        if (pages == 1 << 16)
            AtMost(1.0, $"walk from the walk cache {over}", "bare dependent loads", All(cached.WalkFromWalkCache), All(bare.BareWalk));
        if (pages != 1 << 24)
            return;
        foreach (var (size, batch, bareBatch) in new (int, Func<ulong>, Func<ulong>)[]
        {
            (8, ours.Batch8, () => bare.BareBatches(8)), (16, ours.Batch16, () => bare.BareBatches(16)), (32, ours.Batch32, () => bare.BareBatches(32)),
        })
        {
            Add(4, true, $"checked walk {over}", $"a translation in batches of {size}", All(ours.Walk), All(batch));
            Add(null, true, $"bare dependent loads {over}", $"the same in batches of {size}", All(bare.BareWalk), All(bareBatch));
        }

        Add(null, true, $"checked walks {over} that overlap", "a translation in batches of 32", All(ours.WalkOverlapping), All(ours.Batch32));
    }

    private void OfMapAndUnmap()
    {
        using var run = new MapUnmapRun();
        AtMost(2, "map and unmap of 256 granules", "plain stores and clears", new Contestant(run.Tables, 64, 8), new Contestant(run.Plain, 64, 8));
        using var one = new MapUnmapOne();
        // A pair is two operations; a walk with a store is one.
        Contestant Pairs(Func<ulong> pairs) => new(pairs, 2 * 1024, 4);
        Contestant Stores(Func<ulong> stores) => new(stores, 1024, 4);
        AtMost(3, "one map or unmap near the one before", "a walk with a store", Pairs(one.Tables), Stores(one.StoreWalk));
        AtMost(3, "one map or unmap in another table each time", "a walk with a store", Pairs(one.TablesFar), Stores(one.StoreWalkFar));
    }

    private void OfKernelCalls()
    {
        using var calls = new KernelCalls();
        calls.Setup();
        Add(null, false, KernelCall, "plain stores and clears of as many entries", new Contestant(calls.Tables, KernelCalls.Count, 1), new Contestant(calls.Plain, KernelCalls.Count, 1));
    }

    private void AtMost(double limit, string what, string unit, Contestant measured, Contestant by) => Add(limit, false, what, unit, measured, by);

    private void Add(double? limit, bool atLeast, string what, string unit, Contestant measured, Contestant by)
    {
        if (only is not null && !(what + ", in units of " + unit).Contains(only, StringComparison.OrdinalIgnoreCase))
            return;
        var result = Duel.Measure(measured, by, _budget);
        Console.Error.Write($"{what}, in units of {unit}: {Text.Ratio(result.Ratio)} ({Text.Ratio(result.Low)} to {Text.Ratio(result.High)})\n");
        _goals.Add(new Goal(what, unit, limit, atLeast, result.Ratio, result));
    }
}
