using System.Collections.Immutable;
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
        if (file.Observations is { } answers && parsed.GetResult(Target) is not { Implicit: false })
            return Explain(file, answers, json);
        TargetOptions options = Settings.TargetOptions(parsed.GetValue(Deadline), parsed.GetValue(InProcess));
        ITarget target = Targets.Parse(parsed.GetRequiredValue(Target), options);
        try
        {
            return Hang.Watched(target, options, watched => Explain(file, TargetRun.Run(watched, file.Scenario).Answers, json));
        }
        finally
        {
            Invocation.End(target);
        }
    }

    private static int Explain(TraceFile file, ImmutableArray<Observation> answers, bool json)
    {
        History history = new(file.Scenario, answers);
        if (!json)
            file.Comments.ToList().ForEach(comment => Console.Out.WriteLine($"# {comment}"));
        Console.Out.Write(json ? ExplanationJson.Of(history) : Explanation.Text(history));
        return ExitCode.Conforms;
    }
}
