using Xunit;

namespace IommuVerify.Tests.Targets;

/// <summary>Shared libraries as targets: the example, its broken variants, and libraries that take their process with them.</summary>
public sealed class LibTests
{
    [Theory]
    [InlineData(30_000, "--in-process")]
    [InlineData(1_500)]
    public void The_example_conforms(int cases, params string[] options)
    {
        Ended ended = CommandLine.Run(
            ["check", "--target", "lib:" + CLibrary.Example(), "--cases", cases.ToString(System.Globalization.CultureInfo.InvariantCulture), .. options]);

        Assert.True(ended.ExitCode == 0, ended.Output + ended.Errors);
        Assert.Contains(" conforms\n", ended.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-stale-superpage", "INV-2")]
    [InlineData("-last-byte", "MAP-3")]
    [InlineData("-large-page-rights", "WLK-1")]
    public void A_broken_variant_is_found_within_5000_cases(string variant, string rule)
    {
        Ended ended = CommandLine.Run(
            "check", "--target", "lib:" + CLibrary.Example(variant), "--in-process", "--cases", "5000", "--output", CommandLine.NewFolder());

        Assert.Equal(1, ended.ExitCode);
        Assert.Matches($@"DIVERGES: [A-Z0-9, -]*{rule}\b", ended.Output);
        Assert.Matches(@" [1-9]\d* diverge", ended.Output);
    }

    [Fact]
    public void A_crash_of_a_library_is_a_finding_of_one_operation()
    {
        Ended ended = Check("lib:" + CLibrary.Misbehaving("CRASHES"), "40");

        Assert.Equal(1, ended.ExitCode);
        Assert.Matches(@"  1  lookup dom0 0x0\n +seen +crashed\n", ended.Output);
        Assert.Contains("ended by signal 11", ended.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData]
    [InlineData("--in-process")]
    public void A_library_that_never_returns_is_a_finding_of_one_operation(params string[] options)
    {
        Ended ended = Check("lib:" + CLibrary.Misbehaving("HANGS"), "1", options);

        Assert.Equal(1, ended.ExitCode);
        Assert.Matches(@"  1  lookup dom0 0x0\n +seen +hung\n", ended.Output);
    }

    [Theory]
    [InlineData("lib:no-such-library.so", 2, "no-such-library.so: expected a shared library, found no file of that name")]
    [InlineData("lib:README.md", 4, "lib:README.md could not be loaded")]
    public void What_is_no_library_is_said(string target, int exitCode, string message)
    {
        foreach (string[] options in (string[][])[[], ["--in-process"]])
        {
            Ended ended = CommandLine.Run(["check", "--target", target, "--cases", "1", .. options]);

            Assert.Equal(exitCode, ended.ExitCode);
            Assert.Contains(message, ended.Errors, StringComparison.Ordinal);
        }
    }

    private static Ended Check(string target, string cases, params string[] options) => CommandLine.Run(
        ["check", "--target", target, "--platform", "kernel-ss4", "--cases", cases, "--deadline", "300ms", "--stop-at-first", "--output", CommandLine.NewFolder(), .. options]);
}
