using System.Collections.Immutable;
using IommuHarness.Check;
using IommuHarness.Corpus;
using IommuHarness.Mutants;
using IommuHarness.Report;
using IommuHarness.Targets;

namespace IommuVerify;

/// <summary>One check, part by part, so that what it came to can be told where a part does not come to its end.</summary>
/// <param name="target">What is checked.</param>
/// <param name="plan">The generated cases.</param>
/// <param name="known">Known deviations; null where none were named.</param>
/// <param name="folder">Where histories are written.</param>
internal sealed class CheckRun(ITarget target, CheckPlan plan, KnownDeviations? known, string folder)
{
    private FindingCollector? collector;
    private Checker? checker;
    private CorpusResult? corpus;
    private CaptureReport? captures;

    /// <summary>The whole check.</summary>
    /// <param name="watched">The target, or somebody who stands before it.</param>
    /// <param name="cancel">Ends it after the case or file at work.</param>
    public CheckReport Run(ITarget watched, CancellationToken cancel)
    {
        string? corpusRoot = Repository.TryFind(out Repository? repository) && Directory.Exists(Path.Combine(repository.Root, "corpus"))
            ? Path.Combine(repository.Root, "corpus")
            : null;
        using Progress progress = new();
        if (known is not null)
            progress.Step("known deviations", () => Replayed(watched));
        collector = new(watched, known);
        corpus = corpusRoot is null ? null : progress.Step("corpus", () => CorpusCheck.Run(corpusRoot, watched, collector, cancel));
        // The captures hold the specification against the implementation itself: another target has no part in them.
        captures = corpusRoot is null || target is not ImplTarget
            ? null
            : progress.Step("captures", () => CaptureReport.Of(CaptureCheck.RunAll(Path.Combine(corpusRoot, "captures"), cancellation: cancel)));
        checker = new(watched, collector);
        return Report(progress.Scenarios(report => checker.Run(plan, report, cancel)), []);
    }

    /// <summary>What it came to until the target did not come back.</summary>
    public CheckReport EndedBy(Finding hang) => Report(checker?.SoFar ?? new CheckResult([], Cancelled: true), [hang]);

    private KnownDeviations Replayed(ITarget watched)
    {
        known!.Replay(watched);
        return known;
    }

    private CheckReport Report(CheckResult generated, ImmutableArray<Finding> last)
    {
        ImmutableArray<KeptFinding> findings = CheckReport.Keep([.. collector?.Findings ?? [], .. last], folder, target.Name, Invocation.Command);
        return new(target.Name, plan.Seed, corpus, captures, generated, findings, collector?.Rules ?? [], collector?.DiedOnce ?? [])
        {
            Known = known,
            Version = target.Version,
        };
    }
}
