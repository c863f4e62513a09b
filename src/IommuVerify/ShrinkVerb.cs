using System.CommandLine;
using IommuHarness.Check;
using IommuHarness.Report;
using IommuHarness.Targets;
using IommuSpec;

namespace IommuVerify;

/// <summary><c>shrink</c>: a scenario on which a target diverges, made as small as it gets.</summary>
internal static class ShrinkVerb
{
    private static readonly Argument<string> FilePath = new("file") { Description = "A trace, or a scenario in its byte form (.bin)" };
    private static readonly Option<string> Target = Settings.Target();
    private static readonly Option<string?> Deadline = Settings.Deadline();
    private static readonly Option<bool> InProcess = Settings.InProcess();
    private static readonly Option<string> Format = Settings.Format();
    private static readonly Option<string> Output = Settings.Output();

    public static Command Create()
    {
        Command command = new("shrink", "Makes a scenario on which the target diverges as small as it gets and writes its history") { FilePath, Target, Deadline, InProcess, Format, Output };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        bool json = Settings.IsJson(parsed.GetRequiredValue(Format));
        string path = parsed.GetRequiredValue(FilePath);
        TargetOptions options = Settings.TargetOptions(parsed.GetValue(Deadline), parsed.GetValue(InProcess));
        ITarget target = Settings.AnyScenario(Targets.Parse(parsed.GetRequiredValue(Target), options));
        try
        {
            return Hang.Watched(target, options, watched => Shrink(watched, path, parsed.GetRequiredValue(Output), json));
        }
        finally
        {
            Invocation.End(target);
        }
    }

    private static int Shrink(ITarget target, string path, string folder, bool json)
    {
        TraceResult result = TraceCheck.ReplayFile(path, target, new());
        if (result.Verdict is not Verdict.Diverges verdict)
        {
            Console.Out.Write(json ? ShrinkJson.Conforms(target.Name) : $"{path}: {target.Name} conforms, there is nothing to shrink\n");
            return ExitCode.Conforms;
        }

        Finding finding = Minimiser.Minimise(target, path, null, result.History, verdict);
        KeptFinding kept = Invocation.Keep(finding, folder, target);
        Console.Out.Write(json ? ShrinkJson.Of(target.Name, kept) : Story.Of(finding, target.Name, kept.File, Invocation.Command));
        return ExitCode.Diverges;
    }
}
