using System.Collections.Immutable;
using System.CommandLine;
using IommuHarness.Check;
using IommuHarness.Corpus;
using IommuHarness.Mutants;
using IommuHarness.Report;
using IommuHarness.Targets;

namespace IommuVerify;

/// <summary><c>check</c>: the corpus, the captures, then generated scenarios on every platform.</summary>
internal static class CheckVerb
{
    private static readonly TimeSpan DefaultDuration = TimeSpan.FromMinutes(1);

    private static readonly Option<string> Target = Settings.Target();
    private static readonly Option<string?> Deadline = Settings.Deadline();
    private static readonly Option<bool> InProcess = Settings.InProcess();
    private static readonly Option<string?> Platform = Settings.Platform();
    private static readonly Option<string?> Profile = Settings.Profile();
    private static readonly Option<string> Seed = Settings.Seed();
    private static readonly Option<string?> Cases = Settings.Cases();
    private static readonly Option<string?> For = Settings.For();
    private static readonly Option<bool> StopAtFirst = Settings.StopAtFirst();
    private static readonly Option<string?> Exhaustive = Settings.Exhaustive();
    private static readonly Option<string> Format = Settings.Format();
    private static readonly Option<string> Output = Settings.Output();

    public static Command Create()
    {
        Command command = new("check", "Replays the corpus, checks the captured tables, then runs generated scenarios on every platform (the default verb)")
        {
            Target, Deadline, InProcess, Platform, Profile, Seed, Cases, For, StopAtFirst, Exhaustive, Format, Output,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        bool json = Settings.IsJson(parsed.GetRequiredValue(Format));
        int? exhaustive = ExhaustiveLength(parsed);
        CheckPlan options = Options(parsed);
        ITarget target = Settings.AnyScenario(Targets.Parse(parsed.GetRequiredValue(Target), Settings.TargetOptions(parsed.GetValue(Deadline), parsed.GetValue(InProcess))));
        using Invocation invocation = new();
        try
        {
            CheckPlan plan = options with { Platforms = Settings.Platforms(parsed.GetValue(Platform), target) };
            if (exhaustive is { } length)
                return RunExhaustive(target, new ExhaustivePlan(plan.Platforms, length), parsed.GetRequiredValue(Output), json, invocation.Cancel);
            CheckReport report = Check(target, plan, parsed.GetRequiredValue(Output), invocation.Cancel);
            Console.Out.Write(json ? CheckJson.Of(report) : CheckText.Of(report, Invocation.Command));
            return report.Conforms ? ExitCode.Conforms : ExitCode.Diverges;
        }
        finally
        {
            Invocation.End(target);
        }
    }

    /// <summary>The plan but for its platforms, which are the target's to name.</summary>
    private static CheckPlan Options(ParseResult parsed)
    {
        long? cases = Settings.Cases(parsed.GetValue(Cases));
        TimeSpan? duration = Settings.Duration(parsed.GetValue(For));
        return new CheckPlan
        {
            Platforms = [],
            Profiles = Settings.Profiles(parsed.GetValue(Profile)),
            Seed = Settings.Seed(parsed.GetRequiredValue(Seed)),
            CaseCount = cases,
            Duration = duration ?? (cases is null ? DefaultDuration : null),
            StopAtFirst = parsed.GetValue(StopAtFirst),
        };
    }

    /// <summary>Operations of an exhaustive run's longest scenarios; null where none is asked for.</summary>
    private static int? ExhaustiveLength(ParseResult parsed)
    {
        if (Settings.Exhaustive(parsed.GetValue(Exhaustive)) is not { } length)
            return null;
        foreach (Option option in (Option[])[Profile, Seed, Cases, For, StopAtFirst])
        {
            if (parsed.GetResult(option) is { Implicit: false })
                throw Settings.Wrong("--exhaustive", "no option that is about generated scenarios", option.Name);
        }

        return length;
    }

    private static int RunExhaustive(ITarget target, ExhaustivePlan plan, string folder, bool json, CancellationToken cancel)
    {
        using Progress progress = new();
        ExhaustiveResult result = progress.Scenarios(report => new ExhaustiveChecker(target).Run(plan, report, cancel));
        ExhaustiveReport report = new(target.Name, result, CheckReport.Keep(result.Findings(), folder, target.Name, Invocation.Command));
        Console.Out.Write(json ? ExhaustiveJson.Of(report) : ExhaustiveText.Of(report, Invocation.Command));
        return report.Conforms ? ExitCode.Conforms : ExitCode.Diverges;
    }

    private static CheckReport Check(ITarget target, CheckPlan plan, string folder, CancellationToken cancel)
    {
        string? corpusRoot = Repository.TryFind(out Repository? repository) && Directory.Exists(Path.Combine(repository.Root, "corpus"))
            ? Path.Combine(repository.Root, "corpus")
            : null;
        using Progress progress = new();
        FindingCollector collector = new(target);
        CorpusResult? corpus = corpusRoot is null ? null : progress.Step("corpus", () => CorpusCheck.Run(corpusRoot, target, collector, cancel));
        // The captures hold the specification against the implementation itself: another target has no part in them.
        CaptureReport? captures = corpusRoot is null || target is not ImplTarget
            ? null
            : progress.Step("captures", () => CaptureReport.Of(CaptureCheck.RunAll(Path.Combine(corpusRoot, "captures"), cancellation: cancel)));
        CheckResult generated = progress.Scenarios(report => new Checker(target, collector).Run(plan, report, cancel));
        ImmutableArray<KeptFinding> findings = CheckReport.Keep(collector.Findings, folder, target.Name, Invocation.Command);
        return new CheckReport(target.Name, plan.Seed, corpus, captures, generated, findings, collector.Rules, collector.DiedOnce) { Version = target.Version };
    }
}
