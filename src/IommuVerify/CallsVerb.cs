using System.CommandLine;
using IommuHarness.Corpus;
using IommuSpec;

namespace IommuVerify;

/// <summary><c>judge</c> and <c>replay</c> of recorded kernel calls.</summary>
internal static class CallsVerb
{
    public const string Ending = ".calls";

    /// <summary>The option that says what the kernel's driver is, where no capture beside the recording says it.</summary>
    public static Option<string?> Platform() => new("--platform")
    {
        Description = "Recorded kernel calls: the platform they were made on; that of the capture of the same name without it",
        HelpName = "NAME",
    };

    /// <summary>Whether a path is one recording of kernel calls.</summary>
    public static bool IsRecording(string path) => path.EndsWith(Ending, StringComparison.Ordinal) && !Directory.Exists(path);

    /// <summary>The specification judges the kernel.</summary>
    /// <param name="path">The recording.</param>
    /// <param name="platform">Name of a platform; null for that of the capture beside the recording.</param>
    /// <param name="json">JSON instead of text.</param>
    /// <returns>The exit code.</returns>
    public static int Judge(string path, string? platform, bool json)
    {
        Recording recording = CallsFile.Load(path);
        IommuSpec.Platform declared = Declared(path, platform);
        CallsVerdict verdict = CallsJudge.Judge(recording, declared);
        Console.Out.Write(json ? CallsReport.Json(recording, declared, verdict) : CallsReport.Text(recording, declared, verdict));
        return verdict.Conforms ? ExitCode.Conforms : ExitCode.Diverges;
    }

    /// <summary>The implementation runs the calls; its tables are compared with the calls and with the capture beside the recording.</summary>
    /// <inheritdoc cref="Judge"/>
    public static int Replay(string path, string? platform, bool json)
    {
        Recording recording = CallsFile.Load(path);
        IommuSpec.Platform declared = Declared(path, platform);
        ReplayResult result = CallsReplay.Run(recording, declared, CallsJudge.CaptureBeside(path));
        Console.Out.Write(json ? CallsReport.Json(recording, declared, result) : CallsReport.Text(recording, declared, result));
        return result.IsRight ? ExitCode.Conforms : ExitCode.Diverges;
    }

    private static IommuSpec.Platform Declared(string path, string? name)
    {
        if (name is null)
            return CallsJudge.PlatformBeside(path);
        IommuSpec.Platform platform = Settings.Platforms(name, null)[0].Platform;
        return platform.Contexts == ContextMode.Software ? platform : throw Settings.Wrong("--platform", "a platform of software contexts", name);
    }
}
