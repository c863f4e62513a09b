using System.Diagnostics;

namespace IommuVerify.Tests.Targets;

/// <summary>What a run of the built command left behind.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">Standard output.</param>
/// <param name="Errors">Standard error.</param>
internal sealed record Ended(int ExitCode, string Output, string Errors);

/// <summary>Runs the built command as a person does: another process, at the repository's root.</summary>
internal static class CommandLine
{
    /// <summary>The built program, as the dotnet command takes it.</summary>
    public static readonly string Program = Path.Combine(AppContext.BaseDirectory, "iommu-verify.dll");

    /// <summary>The folder that holds Verify.sln.</summary>
    public static string Root { get; } = FindRoot();

    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    public static Ended Run(params string[] arguments) => Run(Program, Root, arguments);

    private static Process Start(string program, string folder, string[] arguments) =>
        Process.Start(new ProcessStartInfo("dotnet", [program, .. arguments])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;

    private static Ended Run(string program, string folder, string[] arguments)
    {
        using Process process = Start(program, folder, arguments);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return new Ended(process.ExitCode, output.Result, errors);
    }

    /// <summary>A new empty folder; gone with the machine's temporary files.</summary>
    public static string NewFolder() => Directory.CreateTempSubdirectory("iommu-verify-").FullName;

    private static string FindRoot()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "Verify.sln")))
                return at.FullName;
        }

        throw new InvalidOperationException("no Verify.sln above the tests");
    }
}
