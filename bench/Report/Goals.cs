using System.Collections.Immutable;

namespace IommuVerify.Bench;

/// <summary>A ratio that a run should stay within, and what it was.</summary>
/// <param name="What">The goal in words.</param>
/// <param name="Limit">Figure that is asked for.</param>
/// <param name="AtLeast">The figure should be no smaller, rather than no larger.</param>
/// <param name="Seen">Figure of this run; null when it was not measured.</param>
public sealed record Goal(string What, double Limit, bool AtLeast, double? Seen)
{
    public bool? IsMet => Seen is { } seen ? (AtLeast ? seen >= Limit : seen <= Limit) : null;
}

/// <summary>What the implementation is meant to reach.</summary>
public static class Goals
{
    public static ImmutableArray<Goal> Of(Figures f, ImmutableArray<CheckingSpeed> checking)
    {
        var goals = ImmutableArray.CreateBuilder<Goal>();
        goals.Add(new Goal("IOTLB hit, in look-ups written by hand", 1.2, false, f.Ratio(nameof(Hits), nameof(Hits.Translate), nameof(Hits.TranslateByHand))));
        goals.Add(new Goal("IOTLB hit after the answer before, in look-ups written by hand", 1.2, false, f.Ratio(nameof(Hits), nameof(Hits.TranslateInTurn), nameof(Hits.TranslateByHandInTurn))));
        foreach (var pages in new[] { 1 << 9, 1 << 16, 1 << 24 })
        {
            goals.Add(new Goal($"checked walk over {Text.Count(pages)} pages, in walks written by hand", 1.0, false, f.Ratio(nameof(Walks), nameof(Walks.Walk), nameof(Walks.WalkByHand), pages)));
            goals.Add(new Goal($"checked walk over {Text.Count(pages)} pages, in walks of bare loads", 1.6, false, f.Ratio(nameof(Walks), nameof(Walks.Walk), nameof(Walks.BareWalk), pages)));
            goals.Add(new Goal("the same overlapping, in walks written by hand", 1.0, false, f.Ratio(nameof(Walks), nameof(Walks.WalkOverlapping), nameof(Walks.WalkByHandOverlapping), pages)));
        }

        goals.Add(new Goal("walk from the walk cache over 64 Ki pages, in walks of bare loads", 1.0, false, f.Ratio(nameof(Walks), nameof(Walks.WalkFromWalkCache), nameof(Walks.BareWalk), 1 << 16)));
        goals.Add(new Goal("checked walk over 16 Mi pages, in translations of a batch of 32", 4, true, f.Ratio(nameof(Walks), nameof(Walks.Walk), nameof(Walks.Batch32), 1 << 24)));
        goals.Add(new Goal("the same where walks overlap", 4, true, f.Ratio(nameof(Walks), nameof(Walks.WalkOverlapping), nameof(Walks.Batch32), 1 << 24)));
        goals.Add(new Goal("map and unmap of 256 granules, in plain stores and clears", 2, false, f.Ratio(nameof(MapUnmapRun), nameof(MapUnmapRun.Tables), nameof(MapUnmapRun.Plain))));
        // A pair is two operations.
        goals.Add(new Goal("one map or unmap near the one before, in walks with a store", 3, false, f.Ratio(nameof(MapUnmapOne), nameof(MapUnmapOne.Tables), nameof(MapUnmapOne.StoreWalk)) / 2));
        goals.Add(new Goal("one map or unmap in another table each time, in walks with a store", 3, false, f.Ratio(nameof(MapUnmapOne), nameof(MapUnmapOne.TablesFar), nameof(MapUnmapOne.StoreWalkFar)) / 2));
        goals.Add(new Goal("bytes allocated by an operation of the implementation", 0, false, f.Rows.Any() ? f.Rows.Max(r => r.Bytes) : null));
        goals.Add(new Goal("recorded kernel calls, millions a second", 5, true, 1e3 / f.Find(nameof(KernelCalls), nameof(KernelCalls.Tables))?.Nanoseconds));
        goals.Add(new Goal("checked operations on one core, millions a second, all platforms", 1, true, checking.IsEmpty ? null : checking.Sum(c => c.OpCount) / checking.Sum(c => c.Total.TotalSeconds) / 1e6));
        return goals.ToImmutable();
    }
}
