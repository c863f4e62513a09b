using IommuHarness.Check;

namespace IommuVerify.Bench;

/// <summary>One side of a <see cref="Duel"/>.</summary>
/// <param name="Run">What is timed; it returns something that depends on all of its work.</param>
/// <param name="OpCount">Operations of one run.</param>
/// <param name="RunsPerTurn">Runs that a turn times; as many before them are not timed, to have the caches back from the other side.</param>
/// <param name="Warm">False where no cache can hold what is asked for: a turn then times its runs at once.</param>
public sealed record Contestant(Func<ulong> Run, int OpCount, int RunsPerTurn, bool Warm = true);

/// <summary>What a duel showed.</summary>
/// <param name="Ratio">Median over all rounds of the time of one side in units of the other's.</param>
/// <param name="Low">A quarter of the rounds had a smaller ratio.</param>
/// <param name="High">A quarter of the rounds had a larger ratio.</param>
/// <param name="Nanoseconds">An operation of the side measured, where the fastest tenth of its turns ends.</param>
/// <param name="UnitNanoseconds">The same of the other side.</param>
/// <param name="Bytes">Allocated by all timed runs of the side measured.</param>
public sealed record DuelResult(double Ratio, double Low, double High, double Nanoseconds, double UnitNanoseconds, long Bytes);

/// <summary>
/// Two sides of a ratio, timed by turns of a tenth of a millisecond or so in one process. Whatever else the machine does
/// slows neighbouring turns alike, or only a few of them, so the median of the ratios stands where two benchmarks, one run
/// after the other, differ by what the machine did meanwhile.
/// </summary>
public static class Duel
{
    private const int LeastRounds = 15, MostRounds = 4000;

    /// <summary>Measures for a while.</summary>
    /// <param name="measured">Side whose time is the numerator.</param>
    /// <param name="unit">Side whose time is the denominator.</param>
    /// <param name="budget">How long, roughly.</param>
    public static DuelResult Measure(Contestant measured, Contestant unit, TimeSpan budget)
    {
        var rounds = new List<(double Measured, double Unit)>(MostRounds);
        var end = Clock.Now + budget;
        var bytes = 0L;
        ulong sum = 0;
        Turn(measured, ref bytes, ref sum);
        Turn(unit, ref bytes, ref sum);
        var (measuredBytes, unitBytes) = (0L, 0L);
        while (rounds.Count < LeastRounds || (Clock.Now < end && rounds.Count < MostRounds))
        {
            // Who begins changes, so that neither is always the one that finds the other's traces.
            var unitFirst = (rounds.Count & 1) == 0 ? Turn(unit, ref unitBytes, ref sum) : 0;
            var time = Turn(measured, ref measuredBytes, ref sum);
            rounds.Add((time, unitFirst != 0 ? unitFirst : Turn(unit, ref unitBytes, ref sum)));
        }

        GC.KeepAlive(sum);
        var ratios = rounds.Select(r => r.Measured / r.Unit).Order().ToArray();
        return new DuelResult(
            ratios[ratios.Length / 2], ratios[ratios.Length / 4], ratios[ratios.Length * 3 / 4],
            rounds.Select(r => r.Measured).Order().ElementAt(rounds.Count / 10), rounds.Select(r => r.Unit).Order().ElementAt(rounds.Count / 10), measuredBytes);
    }

    /// <summary>Nanoseconds an operation.</summary>
    private static double Turn(Contestant side, ref long bytes, ref ulong sum)
    {
        for (var i = 0; side.Warm && i < side.RunsPerTurn; i++)
            sum += side.Run();
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        var start = Clock.Now;
        for (var i = 0; i < side.RunsPerTurn; i++)
            sum += side.Run();
        var time = Clock.Now - start;
        bytes += GC.GetAllocatedBytesForCurrentThread() - allocated;
        // The clock ticks in 100 ns; a turn takes hundreds of ticks.
        return Math.Max(time.TotalNanoseconds, 1) / ((double)side.RunsPerTurn * side.OpCount);
    }
}
