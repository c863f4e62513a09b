using System.Diagnostics;
using Xunit;

namespace IommuVerify.Tests.Targets;

/// <summary>Libraries built with the machine's C compiler; where there is none, tests that need one are skipped and say so.</summary>
internal static class CLibrary
{
    private static readonly Lazy<string> Built = new(() =>
    {
        string folder = CommandLine.NewFolder();
        Run("make", "-C", CommandLine.PathOf("native", "example"), "OUT=" + folder);
        return folder;
    });

    /// <summary>The example, or one of its broken variants.</summary>
    public static string Example(string variant = "")
    {
        SkipWithoutCompiler();
        return Path.Combine(Built.Value, $"libexample{variant}.so");
    }

    /// <summary>A library that does something wrong.</summary>
    public static string Misbehaving(string behaviour)
    {
        SkipWithoutCompiler();
        string file = Path.Combine(CommandLine.NewFolder(), "lib" + behaviour + ".so");
        Run("cc", "-D" + behaviour, "-shared", "-fPIC", "-o", file, CommandLine.PathOf("tests", "targets", "native", "misbehaving.c"));
        return file;
    }

    private static void SkipWithoutCompiler() => Assert.SkipUnless(
        Has("cc") && Has("make"), "there is no C compiler here (cc and make on the PATH): libraries as targets are not tested");

    private static bool Has(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, program)));

    private static void Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0 && errors.Length == 0, output.Result + errors);
    }
}
