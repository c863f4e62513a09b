using IommuHarness.Coverage;
using IommuHarness.Targets;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Check;

/// <summary>What became of one trace file.</summary>
/// <param name="File">Its name as it was given.</param>
/// <param name="History">What was judged.</param>
/// <param name="Verdict">What the judge says.</param>
/// <param name="Contradiction">How that differs from what the file claims, in words; null where it agrees or claims nothing.</param>
/// <param name="Crash">What killed the target, where one ran and could say.</param>
public sealed record TraceResult(string File, History History, Verdict Verdict, string? Contradiction, Exception? Crash)
{
    /// <summary>A litmus that holds, or a history that conforms.</summary>
    public bool IsGood { get; init; }
}

/// <summary>Trace files: the histories in them judged, or their scenarios run again.</summary>
public static class TraceCheck
{
    /// <summary>Judges the history in a file. Where it has a verdict line, that is what must come out.</summary>
    /// <exception cref="InputException">The file cannot be read, or has no answers to judge.</exception>
    public static TraceResult JudgeFile(string path, Tally tally)
    {
        TraceFile file = InputFiles.ReadTrace(path);
        if (file.Observations is not { } answers)
            throw new InputException(path, 0, 0, "a history, with an answer after each operation", "a scenario without answers");
        History history = new(file.Scenario, answers);
        Tally own = new();
        Verdict verdict = Judge.Check(history, own);
        tally.Add(own);
        tally.CountCase();
        string? contradiction = file.Verdict is { } claim ? Contradiction(claim, history, verdict, own) : null;
        return new TraceResult(path, history, verdict, contradiction, null)
        {
            IsGood = file.Verdict is null ? verdict is Verdict.Conforms : contradiction is null,
        };
    }

    /// <summary>Runs the scenario in a file on a target; what the file records of earlier answers does not count.</summary>
    /// <exception cref="InputException">The file cannot be read, or the target does not play its platform.</exception>
    public static TraceResult ReplayFile(string path, ITarget target, Tally tally)
    {
        Scenario scenario = InputFiles.ReadTrace(path).Scenario;
        if (!target.Supports(scenario.Platform))
            throw new InputException(path, 0, 0, $"a platform that {target.Name} plays", PlatformText.Write(scenario.Platform));
        TargetRun run = TargetRun.Run(target, scenario);
        History history = new(scenario, run.Answers);
        tally.CountCase();
        Verdict verdict = Judge.Check(history, tally);
        return new TraceResult(path, history, verdict, null, run.Crash) { IsGood = verdict is Verdict.Conforms };
    }

    private static string? Contradiction(Expectation claim, History history, Verdict verdict, Tally used) => (claim.Allowed, verdict) switch
    {
        (true, Verdict.Diverges d) => $"says allowed, but operation {d.Index + 1} breaks {d.Rule.Text()}",
        (true, _) when used.Used(claim.Rule) == 0 => $"says allowed by {claim.Rule.Text()}, but the rule is not used",
        (false, Verdict.Conforms) => $"says forbidden by {claim.Rule.Text()}, but it conforms",
        (false, Verdict.Diverges d) when d.Rule != claim.Rule => $"says forbidden by {claim.Rule.Text()}, but {d.Rule.Text()} is broken",
        (false, Verdict.Diverges d) when d.Index != history.Observations.Length - 1 =>
            $"says forbidden at the last answer, but operation {d.Index + 1} is the first that is",
        _ => null,
    };
}
