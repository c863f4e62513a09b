using System.Collections.Immutable;
using IommuHarness.Mutants;
using IommuHarness.Trace;
using Xunit;

namespace IommuVerify.Tests.Mutants;

public class PatchTests
{
    private const string File = "src/IommuImpl/A.cs";

    private static readonly ImmutableSortedDictionary<string, string> Sources =
        ImmutableSortedDictionary<string, string>.Empty.Add(File, "one\ntwo\nthree\nfour\nfive\ntwo\nsix\n");

    [Fact]
    public void A_patch_changes_the_lines_it_names() =>
        Assert.Equal("one\nTWO\nthree\nfour\nfive\ntwo\nsix\n", Applied("@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n"));

    [Fact]
    public void A_patch_follows_lines_that_have_moved() =>
        Assert.Equal("one\ntwo\nthree\nfour\nFIVE\ntwo\nsix\n", Applied("@@ -1,2 +1,2 @@\n four\n-five\n+FIVE\n"));

    [Fact]
    public void Later_hunks_count_from_what_earlier_ones_have_moved() =>
        Assert.Equal("one\nthree\nfour\nfive\nTWO\nsix\n", Applied("@@ -2,1 +1,0 @@\n-two\n@@ -6,1 +5,1 @@\n-two\n+TWO\n"));

    [Fact]
    public void A_patch_that_no_longer_fits_is_an_error_that_names_file_and_hunk()
    {
        InputException error = Assert.Throws<InputException>(() => Applied("@@ -1,2 +1,2 @@\n one\n-zwei\n+TWO\n"));
        Assert.Equal("mutants/m.patch:7: expected the lines of hunk 1 once in src/IommuImpl/A.cs, found them nowhere: the source has changed", error.Message);
    }

    [Fact]
    public void A_patch_that_fits_twice_elsewhere_is_an_error()
    {
        InputException error = Assert.Throws<InputException>(() => Applied("@@ -4,1 +4,1 @@\n-two\n+TWO\n"));
        Assert.Contains("them in 2 places", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_patch_of_a_file_that_does_not_exist_is_an_error() =>
        Assert.Throws<InputException>(() => Read("--- a/x\n+++ b/src/IommuImpl/B.cs\n@@ -1,1 +1,1 @@\n-one\n+ONE\n").Apply(Sources));

    [Theory]
    [InlineData("# name: other\n# source: s\n# rule: MAP-1\n# why: w\n")]
    [InlineData("# name: m\n# rule: MAP-1\n# why: w\n")]
    [InlineData("# name: m\n# source: s\n# why: w\n")]
    [InlineData("# name: m\n# source: s\n# rule: ABC-1\n# why: w\n")]
    [InlineData("# name: m\n# source: s\n# rule: MAP-1\n# why: w\n# odd: x\n")]
    [InlineData("# name: m\n# name: m\n# source: s\n# rule: MAP-1\n# why: w\n")]
    public void A_header_that_is_not_complete_is_an_error(string header) =>
        Assert.Throws<InputException>(() => PatchReader.Read(header + $"--- a/{File}\n+++ b/{File}\n@@ -1,1 +1,1 @@\n-one\n+ONE\n", "mutants/m.patch"));

    [Theory]
    [InlineData("")]
    [InlineData("@@ nonsense @@\n")]
    [InlineData("@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n")]
    [InlineData("@@ -1,1 +1,1 @@\n-one\n*ONE\n")]
    [InlineData("@@ -1,1 +1,1 @@\n-one\n+ONE\nmore\n")]
    public void A_body_that_is_not_a_unified_diff_is_an_error(string hunks) => Assert.Throws<InputException>(() => Applied(hunks));

    [Fact]
    public void An_equivalent_variant_names_no_rule()
    {
        MutantPatch patch = PatchReader.Read(
            $"# name: m\n# source: s\n# why: w\n# equivalent: yes\n--- a/{File}\n+++ b/{File}\n@@ -1,1 +1,1 @@\n-one\n+ONE\n", "mutants/m.patch");
        Assert.True(patch.IsEquivalent);
        Assert.Empty(patch.Rules);
    }

    private static string Applied(string hunks) => Read($"--- a/{File}\n+++ b/{File}\n{hunks}").Apply(Sources)[File];

    private static MutantPatch Read(string body) =>
        PatchReader.Read($"# name: m\n# source: s\n# rule: MAP-1\n# why: w\n{body}", "mutants/m.patch");
}
