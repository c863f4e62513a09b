using System.Collections.Immutable;
using IommuHarness.Check;
using IommuHarness.Coverage;
using IommuHarness.Trace;
using IommuSpec;
using IommuVerify.Tests.Properties.Support;
using Xunit;

namespace IommuVerify.Tests.Properties;

/// <summary>corpus/litmus pins every rule from both sides: a history that it allows and one that it forbids.</summary>
public class LitmusTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "corpus", "litmus");

    public static TheoryData<string> Names() =>
        [.. Directory.GetFiles(Folder, "*.trace").Select(path => Path.GetFileNameWithoutExtension(path)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_litmus_file_gets_the_verdict_it_states(string name)
    {
        TraceResult result = TraceCheck.JudgeFile(PathOf(name), new Tally());
        Assert.Null(result.Contradiction);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_litmus_file_is_canonical_and_named_after_its_verdict(string name)
    {
        string text = File.ReadAllText(PathOf(name));
        TraceFile file = TraceText.Read(text, name);
        Assert.Equal(text, TraceText.Write(file));
        Assert.StartsWith($"{file.Verdict!.Rule.Text()}-{(file.Verdict.Allowed ? "allowed" : "forbidden")}-", name, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_litmus_file_tells_what_it_shows_and_where_that_comes_from(string name)
    {
        ImmutableArray<string> comments = TraceText.Read(File.ReadAllText(PathOf(name)), name).Comments;
        Assert.NotEmpty(comments);
        Assert.Contains(comments, line => line.Contains("ource: ", StringComparison.Ordinal) || line.Contains("he mistake: ", StringComparison.Ordinal));
    }

    [Fact]
    public void Every_rule_has_an_allowed_and_a_forbidden_litmus_file()
    {
        HashSet<Expectation> verdicts =
            [.. Directory.GetFiles(Folder, "*.trace").Select(path => TraceText.Load(path).Verdict).OfType<Expectation>()];
        Assert.All(Enum.GetValues<RuleId>(), rule => Assert.Contains(new Expectation(true, rule), verdicts));
        Assert.All(Enum.GetValues<RuleId>(), rule => Assert.Contains(new Expectation(false, rule), verdicts));
    }

    private static string PathOf(string name) => Path.Combine(Folder, name + ".trace");
}
