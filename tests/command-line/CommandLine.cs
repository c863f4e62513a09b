using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace IommuVerify.Tests.CommandLine;

/// <summary>What a run of the built command left behind.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">Standard output.</param>
/// <param name="Errors">Standard error.</param>
internal sealed record Ended(int ExitCode, string Output, string Errors);

/// <summary>Runs the built command as a person does: another process, at the repository's root.</summary>
internal static class CommandLine
{
    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "iommu-verify.dll");

    /// <summary>The folder that holds Verify.sln.</summary>
    public static string Root { get; } = FindRoot();

    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    public static Ended Run(params string[] arguments) => Run(Program, Root, arguments);

    /// <summary>Runs a copy of the program in a folder that has no repository round it.</summary>
    public static Ended RunOutside(params string[] arguments)
    {
        string folder = NewFolder();
        foreach (string file in Directory.EnumerateFiles(AppContext.BaseDirectory).Where(file => Path.GetExtension(file) is ".dll" or ".json"))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        Ended ended = Run(Path.Combine(folder, "iommu-verify.dll"), folder, arguments);
        Directory.Delete(folder, recursive: true);
        return ended;
    }

    /// <summary>Runs until a line of standard error says so, and asks the process to end.</summary>
    public static Ended RunUntil(string line, params string[] arguments)
    {
        using Process process = Start(Program, Root, arguments);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        StringBuilder errors = new();
        while (process.StandardError.ReadLine() is { } said)
        {
            errors.Append(said).Append('\n');
            if (said.Contains(line, StringComparison.Ordinal))
                Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]).WaitForExit();
        }

        process.WaitForExit();
        return new Ended(process.ExitCode, output.Result, errors.ToString());
    }

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
