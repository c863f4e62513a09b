using System.Collections.Immutable;
using IommuHarness.Coverage;
using IommuHarness.Targets;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Check;

/// <summary>What replaying the corpus came to.</summary>
/// <param name="LitmusCount">Litmus files judged.</param>
/// <param name="ReplayedCount">Scenarios of litmus and regression files run on the target.</param>
/// <param name="SkippedCount">Those of platforms that the target does not play, and all after it hung too often.</param>
/// <param name="BrokenLitmus">Litmus files whose verdict line is not what the judge says.</param>
/// <param name="DivergingCount">Those on which the target diverges.</param>
/// <param name="Tally">What the replays exercised.</param>
public sealed record CorpusResult(
    int LitmusCount, int ReplayedCount, int SkippedCount, ImmutableArray<TraceResult> BrokenLitmus, int DivergingCount, Tally Tally);

/// <summary>The kept traces: litmus files are judged, and every scenario among them and the regressions runs on the target.</summary>
public static class CorpusCheck
{
    private const string Ending = ".trace";

    /// <summary>Replays a corpus.</summary>
    /// <param name="root">The folder that holds the folders litmus and regressions; either may be missing.</param>
    /// <param name="target">What the scenarios run on.</param>
    /// <param name="collector">Takes the scenarios on which the target diverges.</param>
    /// <param name="cancel">Ends after the file at work.</param>
    /// <exception cref="InputException">A file is broken.</exception>
    public static CorpusResult Run(string root, ITarget target, FindingCollector collector, CancellationToken cancel = default)
    {
        ImmutableArray<string> litmus = Files(root, "litmus");
        ImmutableArray<string> files = litmus.AddRange(Files(root, "regressions"));
        Tally judged = new();
        ImmutableArray<TraceResult> broken =
        [
            .. litmus.TakeWhile(_ => !cancel.IsCancellationRequested)
                .Select(file => TraceCheck.JudgeFile(file, judged))
                .Where(result => !result.IsGood),
        ];

        Tally replayed = new();
        int skipped = 0;
        int diverging = 0;
        int hangs = 0;
        foreach (string file in files.TakeWhile(_ => !cancel.IsCancellationRequested))
        {
            if (hangs >= Checker.MostHangs || !target.Supports(InputFiles.ReadTrace(file).Scenario.Platform))
            {
                skipped++;
                continue;
            }

            if (TraceCheck.ReplayFile(file, target, replayed) is { Verdict: Verdict.Diverges verdict } result
                && collector.Add(Path.GetRelativePath(root, file).Replace('\\', '/'), null, result.History, verdict, result.Crash))
            {
                diverging++;
                hangs += verdict.Seen is Observation.Hung ? 1 : 0;
            }
        }

        return new CorpusResult(litmus.Length, files.Length - skipped, skipped, broken, diverging, replayed);
    }

    private static ImmutableArray<string> Files(string root, string folder)
    {
        string path = Path.Combine(root, folder);
        return Directory.Exists(path) && Directory.EnumerateFiles(path, "*" + Ending, SearchOption.AllDirectories).Any()
            ? [.. InputFiles.List(path, Ending)]
            : [];
    }
}
