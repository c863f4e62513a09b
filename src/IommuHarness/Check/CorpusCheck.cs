using System.Collections.Immutable;
using IommuHarness.Coverage;
using IommuHarness.Targets;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Check;

/// <summary>What replaying the corpus came to.</summary>
/// <param name="LitmusCount">Litmus files judged.</param>
/// <param name="ReplayedCount">Scenarios of litmus and regression files run on the target.</param>
/// <param name="SkippedCount">Those of platforms that the target does not play.</param>
/// <param name="BrokenLitmus">Litmus files whose verdict line is not what the judge says.</param>
/// <param name="Findings">Where the target diverges: the first file for each rule.</param>
/// <param name="Tally">What the replays exercised.</param>
public sealed record CorpusResult(
    int LitmusCount, int ReplayedCount, int SkippedCount, ImmutableArray<TraceResult> BrokenLitmus, ImmutableArray<Finding> Findings, Tally Tally)
{
    public bool IsGood => BrokenLitmus.IsEmpty && Findings.IsEmpty;
}

/// <summary>The kept traces: litmus files are judged, and every scenario among them and the regressions runs on the target.</summary>
public static class CorpusCheck
{
    private const string Ending = ".trace";

    /// <summary>Replays a corpus.</summary>
    /// <param name="root">The folder that holds the folders litmus and regressions; either may be missing.</param>
    /// <param name="target">What the scenarios run on.</param>
    /// <param name="cancel">Ends after the file at work.</param>
    /// <exception cref="InputException">A file is broken.</exception>
    public static CorpusResult Run(string root, ITarget target, CancellationToken cancel = default)
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
        List<TraceResult> diverging = [];
        foreach (string file in files.TakeWhile(_ => !cancel.IsCancellationRequested))
        {
            if (!target.Supports(InputFiles.ReadTrace(file).Scenario.Platform))
                skipped++;
            else if (TraceCheck.ReplayFile(file, target, replayed) is { IsGood: false } result)
                diverging.Add(result);
        }

        ImmutableArray<Finding> findings =
        [
            .. diverging.DistinctBy(result => ((Verdict.Diverges)result.Verdict).Rule)
                .Select(result => Minimiser.Minimise(
                    target, Path.GetRelativePath(root, result.File).Replace('\\', '/'), null, result.History, (Verdict.Diverges)result.Verdict)),
        ];
        return new CorpusResult(litmus.Length, files.Length - skipped, skipped, broken, findings, replayed);
    }

    private static ImmutableArray<string> Files(string root, string folder)
    {
        string path = Path.Combine(root, folder);
        return Directory.Exists(path) && Directory.EnumerateFiles(path, "*" + Ending, SearchOption.AllDirectories).Any()
            ? [.. InputFiles.List(path, Ending)]
            : [];
    }
}
