using System.CommandLine;
using IommuHarness.Check;
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
    private static readonly Option<string?> Known = Settings.Known();
    private static readonly Option<string?> Exhaustive = Settings.Exhaustive();
    private static readonly Option<string> Format = Settings.Format();
    private static readonly Option<string> Output = Settings.Output();

    public static Command Create()
    {
        Command command = new("check", "Replays the corpus, checks the captured tables, then runs generated scenarios on every platform (the default verb)")
        {
            Target, Deadline, InProcess, Platform, Profile, Seed, Cases, For, StopAtFirst, Known, Exhaustive, Format, Output,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        bool json = Settings.IsJson(parsed.GetRequiredValue(Format));
        int? exhaustive = ExhaustiveLength(parsed);
        CheckPlan options = Options(parsed);
        KnownDeviations? known = parsed.GetValue(Known) is { } path ? KnownDeviations.Load(path) : null;
        TargetOptions start = Settings.TargetOptions(parsed.GetValue(Deadline), parsed.GetValue(InProcess));
        ITarget target = Settings.AnyScenario(Targets.Parse(parsed.GetRequiredValue(Target), start));
        using Invocation invocation = new();
        try
        {
            CheckPlan plan = options with { Platforms = Settings.Platforms(parsed.GetValue(Platform), target) };
            string folder = parsed.GetRequiredValue(Output);
            if (exhaustive is { } length)
                return Hang.Watched(target, start, watched => RunExhaustive(watched, new ExhaustivePlan(plan.Platforms, length), folder, json, invocation.Cancel));
            CheckRun run = new(target, plan, known, folder);
            return Hang.Watched(
                target,
                start,
                watched => Print(run.Run(watched, invocation.Cancel), json),
                scenario => Print(run.EndedBy(Hang.Finding(target, start, scenario)), json));
        }
        finally
        {
            Invocation.End(target);
        }
    }

    private static int Print(CheckReport report, bool json)
    {
        Console.Out.Write(json ? CheckJson.Of(report) : CheckText.Of(report, Invocation.Command));
        return report.Conforms ? ExitCode.Conforms : ExitCode.Diverges;
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
        foreach (Option option in (Option[])[Profile, Seed, Cases, For, StopAtFirst, Known])
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
}
