using Xunit;

namespace IommuVerify.Tests.CommandLine;

/// <summary>What each verb prints and exits with.</summary>
public sealed class VerbTests
{
    private const string AllowedLitmus = "corpus/litmus/INV-2-allowed-design-example.trace";
    private const string ForbiddenLitmus = "corpus/litmus/INV-2-forbidden-stale-after-covering-invalidation.trace";

    [Fact]
    public void Check_says_what_it_exercised_and_exits_with_0()
    {
        Ended ended = CommandLine.Run("check", "--cases", "620");

        Assert.Equal(0, ended.ExitCode);
        Assert.StartsWith("impl conforms\n", ended.Output, StringComparison.Ordinal);
        foreach (string part in (string[])["corpus ", "captures ", "generated  620 cases", "operations a second", "kernel-ss4 ", "  operations\n", "  refusals\n", "stale answers taken: ", "  faults\n", "rules used: "])
            Assert.Contains(part, ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_without_a_verb_are_those_of_check()
    {
        Ended ended = CommandLine.Run("--cases", "2", "--platform", "kernel-ss4,raw-fs4", "--profile", "change,faults", "--seed", "7", "--target", "spec:random:3");

        Assert.Equal(0, ended.ExitCode);
        Assert.Contains("spec:random:3 conforms", ended.Output, StringComparison.Ordinal);
        Assert.Contains("generated  2 cases", ended.Output, StringComparison.Ordinal);
        Assert.Contains("(seed 7)", ended.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("kernel-fs4", ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_ends_when_its_time_is_up()
    {
        Ended ended = CommandLine.Run("check", "--for", "1s", "--platform", "kernel-ss4", "--target", "spec:first");

        Assert.Equal(0, ended.ExitCode);
        Assert.Contains("[1/1] kernel-ss4: ", ended.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_terminal_progress_is_plain_lines_on_standard_error()
    {
        Ended ended = CommandLine.Run("check", "--cases", "31", "--target", "spec:first");

        Assert.Equal(31, ended.Errors.Split('\n').Count(line => line.Contains("/31] ", StringComparison.Ordinal)));
        Assert.DoesNotContain("\u001b", ended.Errors + ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Judge_exits_with_0_where_every_litmus_holds()
    {
        Ended ended = CommandLine.Run("judge", "corpus/litmus");

        Assert.Equal(0, ended.ExitCode);
        Assert.Contains("INV-2-forbidden-stale-after-covering-invalidation.trace: forbidden by INV-2, as it says", ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Judge_exits_with_1_where_a_history_diverges()
    {
        string file = Path.Combine(CommandLine.NewFolder(), "wrong.trace");
        File.WriteAllLines(file, File.ReadLines(CommandLine.PathOf(ForbiddenLitmus)).Where(line => !line.StartsWith("verdict", StringComparison.Ordinal)));

        Ended ended = CommandLine.Run("judge", file);

        Assert.Equal(1, ended.ExitCode);
        Assert.Contains("rule     INV-2: ", ended.Output, StringComparison.Ordinal);
        Assert.Contains("seen     ", ended.Output, StringComparison.Ordinal);
        Assert.Contains("allowed  ", ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Judge_exits_with_1_where_a_litmus_does_not_hold()
    {
        string file = Path.Combine(CommandLine.NewFolder(), "claims.trace");
        File.WriteAllText(file, File.ReadAllText(CommandLine.PathOf(AllowedLitmus)).Replace("verdict allowed INV-2", "verdict forbidden INV-2", StringComparison.Ordinal));

        Ended ended = CommandLine.Run("judge", file);

        Assert.Equal(1, ended.ExitCode);
        Assert.Contains("says forbidden by INV-2, but it conforms", ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Replay_runs_the_scenario_and_not_the_recorded_answers()
    {
        Ended implementation = CommandLine.Run("replay", ForbiddenLitmus);
        Ended recorded = CommandLine.Run("replay", ForbiddenLitmus, "--target", "file:" + ForbiddenLitmus);

        Assert.Equal(0, implementation.ExitCode);
        Assert.Equal(1, recorded.ExitCode);
    }

    [Fact]
    public void Rules_of_a_family_come_with_source_place_and_litmus_files()
    {
        Ended ended = CommandLine.Run("rules", "INV");

        Assert.Equal(0, ended.ExitCode);
        Assert.Contains("INV-2   a covering invalidation ends stale answers", ended.Output, StringComparison.Ordinal);
        Assert.Contains("written in src/IommuSpec/Rules/Invalidation.cs:", ended.Output, StringComparison.Ordinal);
        Assert.Contains(AllowedLitmus, ended.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("MAP-1", ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_rule_is_not_every_rule_whose_number_starts_like_it()
    {
        string output = CommandLine.Run("rules", "map-1").Output;

        Assert.StartsWith("MAP-1   ", output, StringComparison.Ordinal);
        Assert.DoesNotContain("MAP-10", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Explain_prints_state_allowed_seen_and_rule_for_each_operation()
    {
        Ended ended = CommandLine.Run("explain", ForbiddenLitmus);

        Assert.Equal(0, ended.ExitCode);
        Assert.Contains("state    ", ended.Output, StringComparison.Ordinal);
        Assert.Contains("may remember for", ended.Output, StringComparison.Ordinal);
        Assert.Contains("NOT ALLOWED", ended.Output, StringComparison.Ordinal);
        Assert.Contains("broken   INV-2  a covering invalidation ends stale answers", ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Help_lists_the_verbs()
    {
        Ended ended = CommandLine.Run("--help");

        Assert.Equal(0, ended.ExitCode);
        foreach (string verb in (string[])["check", "replay", "judge", "shrink", "explain", "rules", "walk", "mutants"])
            Assert.Contains($"\n  {verb} ", ended.Output, StringComparison.Ordinal);
    }
}
