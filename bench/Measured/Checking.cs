using System.Collections.Immutable;
using IommuHarness.Check;
using IommuHarness.Generate;
using IommuHarness.Targets;
using IommuSpec;

namespace IommuVerify.Bench;

/// <summary>How fast cases of a platform are made, run and judged.</summary>
/// <param name="Platform">The platform's name.</param>
/// <param name="OpCount">Operations of all cases.</param>
/// <param name="Generation">Time to make the scenarios.</param>
/// <param name="Implementation">Time of the implementation, its adapter included.</param>
/// <param name="Judge">Time of the specification and the judge.</param>
/// <param name="Alone">Time of the implementation without its adapter; no part of the total.</param>
/// <param name="AloneBytes">What it allocates there.</param>
public sealed record CheckingSpeed(
    string Platform, long OpCount, TimeSpan Generation, TimeSpan Implementation, TimeSpan Judge, TimeSpan Alone, long AloneBytes)
{
    public TimeSpan Total => Generation + Implementation + Judge;

    public double OpsPerSecond => OpCount / Math.Max(Total.TotalSeconds, 1e-9);
}

/// <summary>Times the three parts of a check, each over the same cases, in this process.</summary>
public static class Checking
{
    /// <summary>Every platform. Of several rounds the fastest of each part counts: whatever else the machine does only adds.</summary>
    /// <param name="caseCount">Cases a platform.</param>
    /// <param name="roundCount">Rounds; one more before them compiles the code.</param>
    public static ImmutableArray<CheckingSpeed> Measure(int caseCount, int roundCount)
    {
        using var target = new ImplTarget();
        return [.. Platforms.All.Where(p => target.Supports(p.Platform)).Select(p => Measure(target, p, caseCount, roundCount))];
    }

    private static CheckingSpeed Measure(ImplTarget target, NamedPlatform platform, int caseCount, int roundCount)
    {
        using var alone = new BareCalls(platform.Platform);
        var best = Round(target, alone, platform, caseCount);
        for (var round = 0; round < roundCount; round++)
        {
            var next = Round(target, alone, platform, caseCount);
            best = round == 0 ? next : best with
            {
                Generation = Least(best.Generation, next.Generation),
                Implementation = Least(best.Implementation, next.Implementation),
                Judge = Least(best.Judge, next.Judge),
                Alone = Least(best.Alone, next.Alone),
                AloneBytes = Math.Min(best.AloneBytes, next.AloneBytes),
            };
        }

        return best;
    }

    private static CheckingSpeed Round(ImplTarget target, BareCalls alone, NamedPlatform platform, int caseCount)
    {
        var scenarios = new Scenario[caseCount];
        var histories = new History[caseCount];
        var start = Clock.Now;
        for (var i = 0; i < caseCount; i++)
            scenarios[i] = Generator.Case(1, i, platform.Platform);
        var generated = Clock.Now;
        for (var i = 0; i < caseCount; i++)
            histories[i] = new History(scenarios[i], target.Run(scenarios[i]));
        var run = Clock.Now;
        foreach (var history in histories)
            Iommus.Require(Judge.Check(history) is Verdict.Conforms);
        var judged = Clock.Now;
        var bytes = GC.GetAllocatedBytesForCurrentThread();
        foreach (var scenario in scenarios)
            alone.Run(scenario.Ops);
        bytes = GC.GetAllocatedBytesForCurrentThread() - bytes;
        return new CheckingSpeed(
            platform.Name, scenarios.Sum(s => (long)s.Ops.Length), generated - start, run - generated, judged - run, Clock.Now - judged, bytes);
    }

    private static TimeSpan Least(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
