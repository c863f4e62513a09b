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

    [Theory]
    [InlineData("CRASHES", "crashed", "it was ended by signal 11")]
    [InlineData("HANGS", "hung", "no answer within 0.3 s")]
    public void A_library_that_does_not_answer_is_a_finding_of_one_operation(string behaviour, string seen, string diedOf)
    {
        string file = Path.Combine(CommandLine.NewFolder(), "asks.trace");
        File.WriteAllText(file, "iommu-trace 1\nplatform vtd-second-stage\nattach d0 dom0\ndetach d0\nlookup dom0 0x1000\ndetach d1\n");

        Ended ended = CommandLine.Run("shrink", file, "--target", "lib:" + CLibrary.Misbehaving(behaviour), "--deadline", "300ms", "--output", CommandLine.NewFolder());

        Assert.Equal(1, ended.ExitCode);
        Assert.Matches($@"  1  lookup dom0 0x0\n +seen +{seen}\n", ended.Output);
        Assert.Contains(diedOf, ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_library_that_never_returns_to_this_process_ends_it_with_a_finding_of_one_operation()
    {
        Ended ended = CommandLine.Run(
            "check", "--target", "lib:" + CLibrary.Misbehaving("HANGS"), "--in-process", "--platform", "kernel-ss4", "--cases", "1",
            "--deadline", "300ms", "--output", CommandLine.NewFolder());

        Assert.Equal(1, ended.ExitCode);
        Assert.Matches(@"  1  lookup dom0 0x0\n +seen +hung\n", ended.Output);
        Assert.Contains("(stopped early)", ended.Output, StringComparison.Ordinal);
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
}
