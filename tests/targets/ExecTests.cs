using System.Collections.Immutable;
using System.Diagnostics;
using IommuHarness.Check;
using IommuHarness.Targets;
using IommuHarness.Targets.Exec;
using IommuHarness.Trace;
using IommuSpec;
using Xunit;

namespace IommuVerify.Tests.Targets;

/// <summary>Programs as targets: the protocol, and programs that do not keep to it.</summary>
public sealed class ExecTests
{
    private static readonly Scenario Asked = new(new Platform(), [new Op.Attach(0, 0), new Op.Audit(), new Op.Detach(0)]);

    [Theory]
    [InlineData("impl")]
    [InlineData("spec:random:7")]
    public void Any_target_of_ours_conforms_as_a_program(string target)
    {
        Ended ended = CommandLine.Run("check", "--target", $"exec:dotnet '{CommandLine.Program}' serve {target}", "--cases", "310");

        Assert.True(ended.ExitCode == 0, ended.Output + ended.Errors);
        Assert.Contains("generated  310 cases", ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Answers_may_come_with_the_scenario_or_without_it()
    {
        using ExecTarget bare = Shell.Start("while [ $count -gt 0 ]; do echo '= done'; count=$((count - 1)); done");
        using ExecTarget whole = Shell.Run("""
            while IFS= read -r line; do
                echo "$line"
                case $line in attach*|audit|detach*) echo '  = unsupported' ;; esac
            done
            """);

        Assert.Equal(Enumerable.Repeat<Observation>(Observation.Done.Instance, 3), bare.Run(Asked));
        Assert.Equal(Enumerable.Repeat<Observation>(Observation.Unsupported.Instance, 3), whole.Run(Asked));
        Assert.Null(bare.LastCrash);
    }

    [Fact]
    public void A_program_may_end_after_each_scenario()
    {
        using ExecTarget target = Shell.Run("""
            count=-2
            while IFS= read -r line && [ -n "$line" ]; do count=$((count + 1)); done
            while [ $count -gt 0 ]; do echo '= done'; count=$((count - 1)); done
            echo
            """);

        for (int i = 0; i < 3; i++)
            Assert.Equal(3, target.Run(Asked).Length);
        Assert.Null(target.LastCrash);
    }

    [Fact]
    public void A_program_says_which_platforms_it_plays_and_which_version_it_is()
    {
        using ExecTarget target = Shell.Run("""
            while IFS= read -r line; do
                case $line in
                    platform*levels=5*) ;;
                    platform*) echo unsupported; echo version 1.2 of a test; echo offers mine platform vtd-second-stage levels=5 ;;
                    '') echo ;;
                esac
            done
            """);

        Assert.Equal("1.2 of a test", target.Version);
        Assert.Equal("mine", Assert.Single(target.OwnPlatforms!.Value).Name);
        Assert.False(target.Supports(new Platform()));
        Assert.True(target.Supports(new Platform { LevelCount = 5 }));
    }

    [Theory]
    [InlineData("echo hello world", 0, "1:1: expected an answer to operation 1 (= …) or that operation again (attach d0 dom0), found \"hello\"")]
    [InlineData("echo '= done'; echo ' = dome'", 1, "2:4: expected an answer (done, refused,")]
    [InlineData("echo '= done'", 1, "2:1: expected an answer to operation 2 of 3 (audit), found the end of the answer")]
    [InlineData("for i in 1 2 3 4; do echo '= done'; done", 2, "4:1: expected an empty line, as every operation has its answer, found \"=\"")]
    [InlineData("yes '= done'", 2, "4:1: expected an empty line")]
    [InlineData("head -c 1000000000 /dev/zero", 0, "1:1: expected a line of at most 262144 bytes, found more without an end")]
    [InlineData("echo '= done'; echo '= crashed'; echo '= done'", 2, "3:1: expected nothing after an answer of crashed or hung")]
    [InlineData("echo '= done'; echo wrong >&2; exit 3", 1, "it exited with code 3; its last words: wrong")]
    [InlineData("echo '= done'; kill -KILL $$", 1, "it was ended by signal 9")]
    [InlineData("for i in 1 2 3; do echo '= done'; done; exit 1", 2, "it exited with code 1")]
    public void A_program_that_does_not_answer_counts_as_crashed_and_the_next_scenario_has_a_new_one(string command, int answered, string message)
    {
        using ExecTarget target = Shell.Start(command);

        ImmutableArray<Observation> answers = target.Run(Asked);

        Assert.Equal(answered + 1, answers.Length);
        Assert.Same(Observation.Crashed.Instance, answers[^1]);
        Assert.Contains(message, target.LastCrash!.Message, StringComparison.Ordinal);
        Assert.Equal(answers, target.Run(Asked));
    }

    [Fact]
    public void Silence_beyond_the_deadline_is_a_hang_and_everything_that_was_started_ends()
    {
        string file = Path.Combine(CommandLine.NewFolder(), "pid");
        using ExecTarget target = Shell.Start($"echo '= done'; sleep 1000 & echo $! >'{file}'; wait");

        ImmutableArray<Observation> answers = target.Run(Asked);

        Assert.Equal([Observation.Done.Instance, Observation.Hung.Instance], answers);
        Assert.Contains("no answer within 0.4 s", target.LastCrash!.Message, StringComparison.Ordinal);
        // One that nobody waits for is a zombie, state Z, until somebody does.
        using Process left = Process.Start(new ProcessStartInfo("ps", ["-o", "stat=", "-p", File.ReadAllText(file).Trim()]) { RedirectStandardOutput = true })!;
        Assert.Matches("^(Z.*)?\n?$", left.StandardOutput.ReadToEnd());
    }

    [Fact]
    public void Answers_that_were_lost_with_their_program_are_found_again()
    {
        using ExecTarget target = Shell.Start("[ $count -gt 2 ] && exit 1; while [ $count -gt 0 ]; do echo '= done'; count=$((count - 1)); done");

        Assert.Equal([Observation.Done.Instance, Observation.Done.Instance, Observation.Crashed.Instance], target.Run(Asked));
    }

    [Fact]
    public void What_is_written_after_the_answer_is_said()
    {
        using ExecTarget target = Shell.Start("for i in 1 2 3; do echo '= done'; done; printf '\\nmore\\n'");

        Assert.Contains("nothing after the empty line", Ends(target), StringComparison.Ordinal);

        static string Ends(ExecTarget target)
        {
            // What comes late is met by the next scenario at the latest.
            for (int i = 0; i < 3 && target.LastCrash is null; i++)
                target.Run(Asked);
            return target.LastCrash?.Message ?? "nothing after the empty line, and the next scenario has a new program";
        }
    }

    [Fact]
    public void A_target_that_dies_once_and_not_again_does_not_diverge()
    {
        string file = Path.Combine(CommandLine.NewFolder(), "died");
        using ExecTarget target = Shell.Start($"[ -e '{file}' ] || {{ : >'{file}'; exit 1; }}; while [ $count -gt 0 ]; do echo '= unsupported'; count=$((count - 1)); done");
        FindingCollector collector = new(target);
        TargetRun run = TargetRun.Run(target, Asked);
        History history = new(Asked, run.Answers);

        Assert.False(collector.Add("here", null, history, (Verdict.Diverges)Judge.Check(history), run.Crash));

        Assert.Empty(collector.Findings);
        Assert.Contains("exited with code 1", Assert.Single(collector.DiedOnce).Crash!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("exec:no-such-program", "no-such-program could not be started: no such program")]
    [InlineData("exec:true", "exec:true could not be started: it exited with code 0")]
    [InlineData("exec:yes", "could not be started: its answer cannot be read: answer of exec:yes:1:1: expected")]
    [InlineData("exec:sh -c 'echo no licence >&2; exit 5'", "it exited with code 5; its last words: no licence")]
    public void A_program_that_does_not_answer_at_first_could_not_be_started(string target, string message)
    {
        Ended ended = CommandLine.Run("check", "--target", target, "--cases", "1");

        Assert.Equal(4, ended.ExitCode);
        Assert.Contains(message, Assert.Single(ended.Errors.TrimEnd('\n').Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public void Words_in_quotes_belong_together()
    {
        Assert.Equal(["a", "b c", "d e f"], ExecTarget.Words(" a 'b c'  d\" e \"f "));
        Assert.Throws<InputException>(() => ExecTarget.Words("a 'b"));
    }
}
