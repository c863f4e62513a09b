using System.Collections.Immutable;
using IommuHarness.Generate;
using IommuHarness.Mutants;
using IommuHarness.Targets;
using IommuSpec;
using Xunit;

namespace IommuVerify.Tests.Mutants;

/// <summary>Does the whole chain catch real mistakes, and does it leave alone what is only different?</summary>
public class MutantTests
{
    private const ulong Seed = 1;
    private const long EquivalentCaseCount = 5_000;
    private const int LongestMinimal = 16;

    private static readonly Repository Here = Repository.Find();
    private static readonly ImmutableSortedDictionary<string, string> Sources = Here.ImplementationSources();
    private static readonly ImmutableArray<MutantPatch> Patches = [.. Here.MutantNames().Select(Here.ReadMutant)];

    public static TheoryData<string> Wrong => [.. Patches.Where(patch => !patch.IsEquivalent).Select(patch => patch.Name)];

    public static TheoryData<string> Equivalent => [.. Patches.Where(patch => patch.IsEquivalent).Select(patch => patch.Name)];

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_mutant_is_killed_by_the_rule_that_it_names(string name)
    {
        MutantPatch patch = Here.ReadMutant(name);
        MutantFate fate = MutantTrial.Run(patch, MutantTarget.Load(patch, Sources), Seed, MutantTrial.CaseLimit);
        Assert.True(fate.First is not null, $"survived {fate.CaseCount} cases");
        Assert.True(fate.Named is not null, $"killed by {fate.First!.Rule.Text()} only");
        // A mutant that remembers earlier scenarios cannot be shrunk, and says nothing about one scenario.
        Assert.InRange(fate.Minimal!.Ops.Length, 1, LongestMinimal);
    }

    [Theory]
    [MemberData(nameof(Equivalent))]
    public void An_equivalent_variant_is_left_alone(string name)
    {
        MutantPatch patch = Here.ReadMutant(name);
        MutantFate fate = MutantTrial.Run(patch, MutantTarget.Load(patch, Sources), Seed, EquivalentCaseCount);
        Assert.True(fate.First is null, $"case {fate.First?.CaseCount} says that it breaks {fate.First?.Rule.Text()}");
    }

    [Fact]
    public void The_unchanged_sources_compiled_in_memory_answer_as_the_built_implementation_does()
    {
        MutantTarget compiled = MutantTarget.Load("unchanged", Sources);
        ImplTarget built = new();
        foreach (NamedPlatform row in Platforms.All)
        {
            for (long index = 0; index < 20; index++)
            {
                Scenario scenario = Generator.Case(Seed, index, row.Platform);
                Assert.Equal<IEnumerable<Observation>>(built.Run(scenario), compiled.Run(scenario));
            }
        }
    }

    [Fact]
    public void The_same_seed_kills_a_mutant_in_the_same_case_with_the_same_minimal_history()
    {
        MutantPatch patch = Patches.First(p => !p.IsEquivalent);
        MutantFate Run() => MutantTrial.Run(patch, MutantTarget.Load(patch, Sources), Seed, MutantTrial.CaseLimit);
        (MutantFate first, MutantFate second) = (Run(), Run());
        Assert.Equal(first.Named!.CaseCount, second.Named!.CaseCount);
        Assert.Equal(first.Minimal, second.Minimal);
    }

    [Theory]
    [InlineData("MAP")]
    [InlineData("TRN")]
    [InlineData("INV")]
    [InlineData("WLK")]
    [InlineData("CTX")]
    [InlineData("FLT")]
    [InlineData("INJ")]
    public void Every_family_of_rules_has_a_mutant(string family) =>
        Assert.Contains(Patches, patch => patch.Rules.Any(rule => rule.Text().StartsWith(family, StringComparison.Ordinal)));

    [Fact]
    public void Some_variants_are_equivalent() => Assert.True(Patches.Count(patch => patch.IsEquivalent) >= 2);
}
