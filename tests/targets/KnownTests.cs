using Xunit;

namespace IommuVerify.Tests.Targets;

/// <summary>Known deviations: a run tells what is none of them, which were seen again, and which have gone.</summary>
public sealed class KnownTests
{
    private const string Mutant = "mutant:invalidation-end-is-exclusive";

    [Fact]
    public void What_is_known_is_not_told_and_what_is_new_is()
    {
        string folder = CommandLine.NewFolder();
        Ended first = Check(Mutant, folder);
        string[] files = Directory.GetFiles(folder, "*.trace");
        foreach (string file in files)
            File.WriteAllText(file, "# note: the last page is left out\n" + File.ReadAllText(file));

        string unused = CommandLine.NewFolder();
        Ended again = Check(Mutant, unused, "--known", folder);

        Assert.Equal(1, first.ExitCode);
        Assert.NotEmpty(files);
        Assert.True(again.ExitCode == 0, again.Output);
        Assert.Contains($"{files.Length} seen again, 0 gone", again.Output, StringComparison.Ordinal);
        Assert.Contains("the last page is left out", again.Output, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(unused));

        Ended other = Check("mutant:lookup-forgets-offset-in-page", unused, "--known", folder);
        Assert.Equal(1, other.ExitCode);
        Assert.Contains("DIVERGENCE MAP-13-", other.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void What_has_gone_is_said()
    {
        string file = KnownFile("# note: stale after an invalidation\n");

        Ended ended = CommandLine.Run("check", "--cases", "31", "--known", file);

        Assert.Equal(0, ended.ExitCode);
        Assert.Contains("0 seen again, 1 gone", ended.Output, StringComparison.Ordinal);
        Assert.Contains($"GONE   INV-2   {file}: stale after an invalidation", ended.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("# nothing to see\n", ":1:3: expected a note (# KEY: TEXT), found \"# nothing to see\"")]
    [InlineData("# noet: stale\n", ":1:3: expected a note about note, finding, ")]
    [InlineData("", ":1:1: expected a line \"# note: …\" above the trace, found none")]
    public void A_note_that_is_missing_or_broken_is_bad_input(string notes, string message)
    {
        Ended ended = CommandLine.Run("check", "--cases", "1", "--known", KnownFile(notes));

        Assert.Equal(2, ended.ExitCode);
        Assert.Contains(message, ended.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_known_deviation_has_to_be_one()
    {
        Ended ended = CommandLine.Run("check", "--cases", "1", "--known", "corpus/litmus/INV-2-allowed-design-example.trace");

        Assert.Equal(2, ended.ExitCode);
        Assert.Contains("expected a history with a line \"verdict forbidden RULE\" at its end", ended.Errors, StringComparison.Ordinal);
    }

    private static Ended Check(string target, string folder, params string[] options) =>
        CommandLine.Run(["check", "--target", target, "--platform", "kernel-ss4", "--cases", "3000", "--output", folder, .. options]);

    private static string KnownFile(string notes)
    {
        string file = Path.Combine(CommandLine.NewFolder(), "known.trace");
        IEnumerable<string> history = File.ReadLines(CommandLine.PathOf("corpus", "litmus", "INV-2-forbidden-stale-after-covering-invalidation.trace"))
            .Where(line => !line.StartsWith('#'));
        File.WriteAllText(file, notes + string.Join('\n', history) + "\n");
        return file;
    }
}
