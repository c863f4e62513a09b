using System.Text.RegularExpressions;
using Xunit;

namespace IommuVerify.Tests.CommandLine;

/// <summary>Divergences, interruptions, and life outside the repository.</summary>
public sealed class EndingTests
{
    private const string Mutant = "mutant:invalidation-end-is-exclusive";

    [Fact]
    public void A_planted_bug_ends_in_a_short_history_its_rule_a_file_and_a_command_that_repeats_it()
    {
        string folder = CommandLine.NewFolder();

        Ended ended = CommandLine.Run("check", "--target", Mutant, "--cases", "3000", "--platform", "kernel-ss4", "--output", folder);

        Assert.Equal(1, ended.ExitCode);
        Assert.Contains("DIVERGENCE INV-2-", ended.Output, StringComparison.Ordinal);
        Assert.Contains("  rule     INV-2: a covering invalidation ends stale answers", ended.Output, StringComparison.Ordinal);
        Assert.Contains("  source   ", ended.Output, StringComparison.Ordinal);
        Match repeat = Regex.Match(ended.Output, @"  repeat   iommu-verify (replay (\S+) --target (\S+))\n");
        Assert.True(repeat.Success, ended.Output);
        Assert.InRange(File.ReadLines(repeat.Groups[2].Value).Count(line => line.StartsWith("  = ", StringComparison.Ordinal)), 1, 8);

        Ended again = CommandLine.Run(repeat.Groups[1].Value.Split(' '));
        Assert.Equal(1, again.ExitCode);
        Assert.Contains("rule     INV-2: ", again.Output, StringComparison.Ordinal);

        Ended judged = CommandLine.Run("judge", repeat.Groups[2].Value);
        Assert.Equal(0, judged.ExitCode);
        Assert.Contains("forbidden by INV-2, as it says", judged.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_runs_write_the_same_files_byte_for_byte()
    {
        string[] folders = [CommandLine.NewFolder(), CommandLine.NewFolder()];

        foreach (string folder in folders)
            Assert.Equal(1, CommandLine.Run("check", "--target", Mutant, "--cases", "2000", "--platform", "kernel-ss4,kernel-fs4", "--output", folder).ExitCode);

        Assert.NotEmpty(Files(folders[0]));
        Assert.Equal(Files(folders[0]), Files(folders[1]));

        static (string Name, string Text)[] Files(string folder) =>
            [.. Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal).Select(file => (Path.GetFileName(file), File.ReadAllText(file)))];
    }

    [Fact]
    public void Shrink_makes_a_long_history_short()
    {
        string folder = CommandLine.NewFolder();
        string file = Path.Combine(folder, "long.trace");
        File.WriteAllText(file, """
            iommu-trace 1
            platform vtd-second-stage levels=5
            map dom0 0x10000 len 0x3000 to 0x35000 rw
            map dom1 0x10000 len 0x3000 to 0x75000 rw
            attach d0 dom0
            attach d1 dom1
            read d0 0x12278 len 0x8
            read d1 0x12278 len 0x8
            unmap dom0 0x10000 len 0x3000
            lookup dom1 0x10000
            invalidate dom0 0x10000 len 0x3000
            read d0 0x10278 len 0x8
            read d0 0x12278 len 0x8
            audit

            """);

        Ended ended = CommandLine.Run("shrink", file, "--target", Mutant, "--output", folder);
        Ended conforming = CommandLine.Run("shrink", file, "--output", folder);

        Assert.Equal(1, ended.ExitCode);
        Assert.Matches(@"shrunk to [1-6]\)", ended.Output);
        Assert.Equal(0, conforming.ExitCode);
        Assert.Contains("there is nothing to shrink", conforming.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void An_interrupted_check_says_what_it_did_so_far()
    {
        Ended ended = CommandLine.RunUntil("[1/2]", "check", "--for", "6s", "--platform", "kernel-ss4,kernel-fs4", "--target", "spec:first");

        Assert.Equal(0, ended.ExitCode);
        Assert.StartsWith("spec:first conforms  (stopped early)\n", ended.Output, StringComparison.Ordinal);
        Assert.Contains("rules used: ", ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Outside_the_repository_there_is_no_corpus_and_that_is_said()
    {
        Ended ended = CommandLine.RunOutside("check", "--cases", "62");

        Assert.Equal(0, ended.ExitCode);
        Assert.Contains("corpus     none here", ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Outside_the_repository_a_mutant_cannot_be_started()
    {
        Ended ended = CommandLine.RunOutside("check", "--target", Mutant);

        Assert.Equal(4, ended.ExitCode);
        Assert.Single(ended.Errors.TrimEnd('\n').Split('\n'));
    }
}
