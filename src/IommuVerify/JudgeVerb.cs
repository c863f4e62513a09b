using System.CommandLine;
using IommuHarness.Check;
using IommuHarness.Coverage;
using IommuHarness.Report;

namespace IommuVerify;

/// <summary><c>judge</c>: the answers that files hold, judged; nothing runs.</summary>
internal static class JudgeVerb
{
    private static readonly Argument<string> FilePath = new("path") { Description = "A history or a litmus, or a folder of them; or recorded kernel calls (.calls)" };
    private static readonly Option<string?> Platform = CallsVerb.Platform();
    private static readonly Option<string> Format = Settings.Format();

    public static Command Create()
    {
        Command command = new("judge", "Judges recorded answers; a litmus must come out as its verdict line says") { FilePath, Platform, Format };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        bool json = Settings.IsJson(parsed.GetRequiredValue(Format));
        if (CallsVerb.IsRecording(parsed.GetRequiredValue(FilePath)))
            return CallsVerb.Judge(parsed.GetRequiredValue(FilePath), parsed.GetValue(Platform), json);
        Tally tally = new();
        TimeSpan start = Clock.Now;
        TraceReport report = new(
            "file",
            [.. InputFiles.List(parsed.GetRequiredValue(FilePath), ".trace").Select(file => TraceCheck.JudgeFile(file, tally))],
            tally,
            Clock.Now - start);
        Console.Out.Write(json ? report.Json() : report.Text());
        return report.IsGood ? ExitCode.Conforms : ExitCode.Diverges;
    }
}
