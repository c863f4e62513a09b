using System.CommandLine;
using IommuHarness.Check;
using IommuHarness.Report;
using IommuHarness.Targets;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuVerify;

/// <summary><c>explain</c>: each operation of a trace with the state, what is allowed, the rule and what was seen.</summary>
internal static class ExplainVerb
{
    private static readonly Argument<string> FilePath = new("file") { Description = "A history, a litmus, or a scenario, which is run on the target first" };
    private static readonly Option<string> Target = Settings.Target();
    private static readonly Option<string?> Deadline = Settings.Deadline();
    private static readonly Option<bool> InProcess = Settings.InProcess();
    private static readonly Option<string> Format = Settings.Format();

    public static Command Create()
    {
        Command command = new("explain", "Prints each operation with the state, the allowed answers, the rule and what was seen") { FilePath, Target, Deadline, InProcess, Format };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        bool json = Settings.IsJson(parsed.GetRequiredValue(Format));
        TraceFile file = InputFiles.ReadTrace(parsed.GetRequiredValue(FilePath));
        bool hasTarget = parsed.GetResult(Target) is { Implicit: false };
        History history = file.Observations is { } answers && !hasTarget
            ? new History(file.Scenario, answers)
            : new History(file.Scenario, Answers(Targets.Parse(parsed.GetRequiredValue(Target), Settings.TargetOptions(parsed.GetValue(Deadline), parsed.GetValue(InProcess))), file.Scenario));
        if (!json)
            file.Comments.ToList().ForEach(comment => Console.Out.WriteLine($"# {comment}"));
        Console.Out.Write(json ? ExplanationJson.Of(history) : Explanation.Text(history));
        return ExitCode.Conforms;
    }

    private static System.Collections.Immutable.ImmutableArray<Observation> Answers(ITarget target, Scenario scenario)
    {
        try
        {
            return TargetRun.Run(target, scenario).Answers;
        }
        finally
        {
            Invocation.End(target);
        }
    }
}
