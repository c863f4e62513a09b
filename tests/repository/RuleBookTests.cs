using System.Collections.Immutable;
using IommuHarness.Report;
using IommuSpec;
using Xunit;

namespace IommuVerify.Tests.Repository;

/// <summary>Every rule is written down, explained, and shown at work.</summary>
public class RuleBookTests
{
    private static readonly ImmutableArray<RuleEntry> Rules = RuleBook.Read(SourceTree.Repository);

    [Fact]
    public void Every_rule_is_marked_where_it_is_written() =>
        Assert.Empty(Rules.Where(rule => rule.Sites.IsEmpty).Select(rule => rule.Id.Text()));

    [Fact]
    public void Every_rule_says_what_it_says_and_where_that_comes_from() =>
        Assert.All(Rules.SelectMany(rule => rule.Sites), site =>
        {
            Assert.True(site.Sentence.Contains(' ', StringComparison.Ordinal), $"no sentence: {site}");
            Assert.True(site.Source.Length > 3, $"no source: {site}");
        });

    [Fact]
    public void Every_rule_is_found_at_the_file_and_line_that_the_book_gives() =>
        Assert.All(Rules.SelectMany(rule => rule.Sites), site =>
            Assert.Contains("Rule(", SourceTree.Text(site.File).Split('\n')[site.Line - 1], StringComparison.Ordinal));

    [Fact]
    public void Every_rule_has_a_litmus_file_that_it_allows_and_one_that_it_forbids() =>
        Assert.Empty(Rules.Where(rule => rule.AllowedLitmus.IsEmpty || rule.ForbiddenLitmus.IsEmpty).Select(rule => rule.Id.Text()));

    [Fact]
    public void Every_rule_has_a_mutant_to_kill() =>
        Assert.Empty(Rules.Where(rule => rule.Mutants.IsEmpty).Select(rule => rule.Id.Text()));

    [Fact]
    public void Rule_ids_fit_the_set_that_holds_them() => Assert.True(Enum.GetValues<RuleId>().Length <= 128);

    [Fact]
    public void The_page_about_rules_is_current()
    {
        string file = Path.Combine(SourceTree.Root, "docs", "rules.md");
        string page = RuleBook.Markdown(Rules);
        if (Environment.GetEnvironmentVariable("UPDATE_DOCS") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, page);
        }

        Assert.True(File.Exists(file), "docs/rules.md is missing: run UPDATE_DOCS=1 dotnet test");
        Assert.Equal(File.ReadAllText(file), page);
    }
}
