using System.CommandLine;
using IommuHarness.Check;
using IommuHarness.Coverage;
using IommuHarness.Report;
using IommuHarness.Targets;

namespace IommuVerify;

/// <summary><c>replay</c>: the scenarios of files run on a target again.</summary>
internal static class ReplayVerb
{
    private static readonly Argument<string> FilePath = new("path") { Description = "A trace, or a folder of them; .bin is a scenario in its byte form; .calls are recorded kernel calls, run on the implementation" };
    private static readonly Option<string?> Platform = CallsVerb.Platform();
    private static readonly Option<string> Target = Settings.Target();
    private static readonly Option<string?> Deadline = Settings.Deadline();
    private static readonly Option<bool> InProcess = Settings.InProcess();
    private static readonly Option<string> Format = Settings.Format();

    public static Command Create()
    {
        Command command = new("replay", "Runs the scenarios of traces on a target and judges what it answers") { FilePath, Target, Deadline, InProcess, Platform, Format };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        bool json = Settings.IsJson(parsed.GetRequiredValue(Format));
        if (CallsVerb.IsRecording(parsed.GetRequiredValue(FilePath)))
            return CallsVerb.Replay(parsed.GetRequiredValue(FilePath), parsed.GetValue(Platform), json);
        TargetOptions options = Settings.TargetOptions(parsed.GetValue(Deadline), parsed.GetValue(InProcess));
        ITarget target = Targets.Parse(parsed.GetRequiredValue(Target), options);
        try
        {
            return Hang.Watched(target, options, watched => Replay(watched, parsed.GetRequiredValue(FilePath), json));
        }
        finally
        {
            Invocation.End(target);
        }
    }

    private static int Replay(ITarget target, string path, bool json)
    {
        Tally tally = new();
        TimeSpan start = Clock.Now;
        TraceReport report = new(
            target.Name,
            [.. InputFiles.List(path, ".trace", ".bin").Where(IsPlayed).Select(file => TraceCheck.ReplayFile(file, target, tally))],
            tally,
            Clock.Now - start);
        Console.Out.Write(json ? report.Json() : report.Text());
        return report.IsGood ? ExitCode.Conforms : ExitCode.Diverges;

        // A folder is of many platforms; a file that is named is meant.
        bool IsPlayed(string file) => file == path || target.Supports(InputFiles.ReadTrace(file).Scenario.Platform);
    }
}
