using IommuHarness.Corpus;
using IommuHarness.Report;
using IommuHarness.Trace;
using Xunit;

namespace IommuVerify.Tests.Repository;

/// <summary>The kept findings and the page about them.</summary>
public class FindingBookTests
{
    private const string Notes = """
        # finding: it never answers
        # target: exec:./it
        # version: 1.0
        # kind: hang
        # confidence: confirmed
        # why: every operation has an answer,
        #   whatever its arguments
        # why: and this one had none

        """;

    private const string History = """
        iommu-trace 1
        platform vtd-second-stage
        audit
          = hung
        verdict forbidden MAP-15

        """;

    [Fact]
    public void The_page_about_findings_is_current()
    {
        string file = Path.Combine(SourceTree.Root, "docs", "findings.md");
        string page = FindingBook.Markdown(FindingBook.Read(SourceTree.Repository), SourceTree.Repository);
        if (Environment.GetEnvironmentVariable("UPDATE_DOCS") == "1")
            File.WriteAllText(file, page);

        Assert.True(File.Exists(file), "docs/findings.md is missing: run UPDATE_DOCS=1 dotnet test");
        Assert.Equal(File.ReadAllText(file), page);
    }

    [Fact]
    public void A_finding_is_a_judged_history_with_its_notes()
    {
        FindingFile finding = Load(Notes + History);

        Assert.Equal("it never answers", finding.Title);
        Assert.Equal(FindingKind.Hang, finding.Kind);
        Assert.Equal(["every operation has an answer, whatever its arguments", "and this one had none"], finding.Why);
        Assert.Contains("expected  holding", FindingBook.Markdown([finding], SourceTree.Repository), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("# kind: hang\n", "", "1:1: expected a line \"# kind: …\" above the trace, found none")]
    [InlineData("# kind: hang", "# kind: bad", "4:9: expected kind to be permission-bypass, hang, abort,")]
    [InlineData("# kind: hang", "# kind: abort", "4:9: expected the kind of a history that ends in \"hung\", found abort")]
    [InlineData("# kind: hang", "# kind: hang\n# kind: hang", "5:3: expected one line \"# kind: …\", found a second one")]
    [InlineData("# kind: hang", "# kind: ", "4:3: expected a note (# KEY: TEXT), found \"# kind:\"")]
    [InlineData("# kind: hang", "#kind", "4:3: expected a note (# KEY: TEXT), found \"#kind\"")]
    [InlineData("# target:", "# taget:", "2:3: expected a note about finding, target,")]
    [InlineData("verdict forbidden MAP-15", "verdict forbidden INV-2", "expected a history whose last answer breaks INV-2")]
    [InlineData("verdict forbidden MAP-15", "", "expected a history with a line \"verdict forbidden RULE\" at its end")]
    public void A_broken_file_is_refused_with_its_line_and_column(string right, string wrong, string message)
    {
        InputException error = Assert.Throws<InputException>(() => Load((Notes + History).Replace(right, wrong, StringComparison.Ordinal)));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    private static FindingFile Load(string text)
    {
        string file = Path.Combine(Directory.CreateTempSubdirectory("iommu-verify-").FullName, "a.trace");
        File.WriteAllText(file, text);
        return FindingFile.Load(file);
    }
}
