using System.Collections.Immutable;

namespace IommuVerify.Bench;

/// <summary>A figure that a run should stay within, and what it was.</summary>
/// <param name="What">What was measured.</param>
/// <param name="Unit">In units of what.</param>
/// <param name="Limit">Figure that is asked for; null where a figure only shows what the machine allows.</param>
/// <param name="AtLeast">The figure should be no smaller, rather than no larger.</param>
/// <param name="Seen">Figure of this run; null when it was not measured.</param>
/// <param name="Duel">Where the figure is a ratio, how it was measured.</param>
public sealed record Goal(string What, string Unit, double? Limit, bool AtLeast, double? Seen, DuelResult? Duel = null)
{
    public bool? IsMet => Seen is { } seen && Limit is { } limit ? (AtLeast ? seen >= limit : seen <= limit) : null;
}

/// <summary>What the implementation is meant to reach, beside the ratios of <see cref="Duels"/>.</summary>
public static class Goals
{
    /// <summary>Adds the goals that are no ratios.</summary>
    /// <param name="duels">The ratios.</param>
    /// <param name="rows">Benchmarks of the implementation in processes of their own: in this one, bytes include what BenchmarkDotNet allocates.</param>
    /// <param name="checking">Speed of checking by platform.</param>
    public static ImmutableArray<Goal> Of(ImmutableArray<Goal> duels, IEnumerable<Measurement> rows, ImmutableArray<CheckingSpeed> checking)
    {
        double[] bytes = [.. rows.Select(r => r.Bytes), .. duels.Where(d => d.Duel is not null).Select(d => (double)d.Duel!.Bytes)];
        var call = duels.FirstOrDefault(d => d.What == Duels.KernelCall)?.Duel?.Nanoseconds;
        return
        [
            .. duels,
            new Goal("allocated in the steady state", "bytes", 0, false, bytes.Length == 0 ? null : bytes.Max()),
            new Goal("recorded kernel calls", "millions a second", 5, true, 1e3 / call),
            new Goal(
                "checked operations on one core, all platforms", "millions a second", 1, true,
                checking.IsEmpty ? null : checking.Sum(c => c.OpCount) / checking.Sum(c => c.Total.TotalSeconds) / 1e6),
        ];
    }
}
