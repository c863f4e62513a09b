using System.Collections.Immutable;
using IommuHarness.Check;
using IommuHarness.Generate;
using IommuHarness.Shrink;
using IommuHarness.Targets;
using IommuSpec;

namespace IommuHarness.Mutants;

/// <summary>The case that gave a mutant away.</summary>
/// <param name="CaseCount">How many cases were run until then, this one included.</param>
/// <param name="Platform">The case's platform.</param>
/// <param name="Index">The case's index on that platform: with the seed, what repeats it.</param>
/// <param name="Rule">The rule that the mutant broke.</param>
/// <param name="Scenario">The case as it was made.</param>
public sealed record Kill(long CaseCount, NamedPlatform Platform, long Index, RuleId Rule, Scenario Scenario);

/// <summary>How a mutant fared.</summary>
/// <param name="Patch">The mutant.</param>
/// <param name="Seed">Decided the cases.</param>
/// <param name="CaseCount">Cases run.</param>
/// <param name="First">The first case in which a rule was broken; null where it survived.</param>
/// <param name="Named">The first case in which a rule was broken that the patch names.</param>
/// <param name="Minimal">The history's shortest form that breaks the same rule: of <paramref name="Named"/>, otherwise of <paramref name="First"/>.</param>
public sealed record MutantFate(MutantPatch Patch, ulong Seed, long CaseCount, Kill? First, Kill? Named, Scenario? Minimal)
{
    /// <summary>A mutant has to be killed by a rule that it names, an equivalent variant not at all.</summary>
    public bool IsAsWanted => Patch.IsEquivalent ? First is null : Named is not null;
}

/// <summary>Runs generated cases, platform after platform in turn, until a mutant is killed.</summary>
public static class MutantTrial
{
    /// <summary>Within how many cases a mutant has to be killed.</summary>
    public const long CaseLimit = 20_000;

    /// <summary>The fate of a mutant. The same seed gives the same fate.</summary>
    /// <param name="patch">Which.</param>
    /// <param name="target">The same, loaded.</param>
    /// <param name="seed">Decides the cases.</param>
    /// <param name="caseLimit">Give up after so many.</param>
    public static MutantFate Run(MutantPatch patch, ITarget target, ulong seed, long caseLimit)
    {
        ImmutableArray<NamedPlatform> platforms = [.. Platforms.All.Where(row => target.Supports(row.Platform))];
        Kill? first = null;
        Kill? named = null;
        long caseCount = 0;
        while (caseCount < caseLimit && named is null && !(patch.IsEquivalent && first is not null))
        {
            // Each platform takes indices of its own: equal indices make alike scenarios.
            NamedPlatform platform = platforms[(int)(caseCount % platforms.Length)];
            long index = caseCount++;
            Scenario scenario = Generator.Case(seed, index, platform.Platform);
            if (Judge.Check(new(scenario, TargetRun.Run(target, scenario).Answers)) is not Verdict.Diverges found)
                continue;
            Kill kill = new(caseCount, platform, index, found.Rule, scenario);
            first ??= kill;
            if (patch.Rules.Contains(found.Rule))
                named = kill;
        }

        Kill? shown = named ?? first;
        return new(patch, seed, caseCount, first, named, shown is null ? null : Shrinker.Shrink(shown.Scenario, target, shown.Rule));
    }
}
