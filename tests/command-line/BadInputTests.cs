using Xunit;

namespace IommuVerify.Tests.CommandLine;

/// <summary>Bad input and usage: exit code 2, nothing on standard output, one line that says what was expected and what was found.</summary>
public sealed class BadInputTests
{
    [Theory]
    [InlineData("expected a verb (check, replay, judge, shrink, explain, rules", "frobnicate")]
    [InlineData("Unrecognized command or argument '--frobnicate'", "check", "--frobnicate")]
    [InlineData("Required argument 'path' missing", "replay")]
    [InlineData("--target: expected a target (impl, spec:first", "check", "--target", "bochs")]
    [InlineData("--target: expected a target (impl, spec:first", "check", "--target", "spec:middle")]
    [InlineData("--target: expected a target (impl, spec:first", "check", "--target", "spec:random:x")]
    [InlineData("found no-such-mutant", "check", "--target", "mutant:no-such-mutant")]
    [InlineData("no-such-file.trace", "check", "--target", "file:no-such-file.trace")]
    [InlineData("--target: expected a target that answers any scenario", "check", "--target", "file:corpus/litmus/INV-2-allowed-design-example.trace")]
    [InlineData("--platform: expected a platform (kernel-ss4, ", "check", "--platform", "kernel-ss4,vax")]
    [InlineData("--profile: expected a profile (mixed, ", "check", "--profile", "calm")]
    [InlineData("--seed: expected a number from 0 to 2^64-1, or random, found -1", "check", "--seed", "-1")]
    [InlineData("--cases: expected a number from 1, found 0", "check", "--cases", "0")]
    [InlineData("--exhaustive: expected a number of operations from 1 to 9, found 10", "check", "--exhaustive", "10")]
    [InlineData("--exhaustive: expected no option that is about generated scenarios, found --seed", "check", "--exhaustive", "2", "--seed", "1")]
    [InlineData("--for: expected a duration of at most a year (30s, 5m, 8h, 2d), found soon", "check", "--for", "soon")]
    [InlineData("--for: expected a duration", "check", "--for", "30")]
    [InlineData("--for: expected a duration", "check", "--for", "0s")]
    [InlineData("--for: expected a duration", "check", "--for", "9999999999d")]
    [InlineData("--format: expected text or json, found xml", "check", "--format", "xml")]
    [InlineData("no-such-file.trace: expected a file or a folder, found none of that name", "replay", "no-such-file.trace")]
    [InlineData("no-such-file.trace: expected a file or a folder, found none of that name", "judge", "no-such-file.trace")]
    [InlineData("no-such-file.trace: expected a file, found nothing of that name", "explain", "no-such-file.trace")]
    [InlineData("no-such-file.bin: expected a file that can be read, found none of that name", "explain", "no-such-file.bin")]
    [InlineData("src: expected a folder with files named *.trace", "judge", "src")]
    [InlineData("corpus/malformed/answer-unknown.trace:", "judge", "corpus/malformed/answer-unknown.trace")]
    [InlineData("corpus/malformed/answer-unknown.trace:", "shrink", "corpus/malformed/answer-unknown.trace")]
    [InlineData("rules: expected a family (MAP, TRN, INV", "rules", "XYZ")]
    [InlineData("rules: expected a family (MAP, TRN, INV", "rules", "INV-99")]
    [InlineData("no-such-file.json", "walk", "no-such-file.json")]
    [InlineData("no-such-file.calls", "judge", "no-such-file.calls")]
    [InlineData("found no-such-mutant", "mutants", "no-such-mutant")]
    public void Is_said_in_one_line(string message, params string[] arguments)
    {
        Ended ended = CommandLine.Run(arguments);

        Assert.Equal(2, ended.ExitCode);
        Assert.Equal("", ended.Output);
        string line = Assert.Single(ended.Errors.TrimEnd('\n').Split('\n'));
        Assert.StartsWith("iommu-verify: ", line, StringComparison.Ordinal);
        Assert.Contains(message, line, StringComparison.Ordinal);
    }

    [Fact]
    public void A_scenario_without_answers_cannot_be_judged()
    {
        string file = Path.Combine(CommandLine.NewFolder(), "scenario.trace");
        File.WriteAllText(file, "iommu-trace 1\nplatform vtd-second-stage\ndetach d0\n");

        Ended ended = CommandLine.Run("judge", file);

        Assert.Equal(2, ended.ExitCode);
        Assert.Contains("expected a history, with an answer after each operation, found a scenario without answers", ended.Errors, StringComparison.Ordinal);
    }
}
