using System.Collections.Immutable;
using IommuHarness.Check;

namespace IommuHarness.Report;

/// <summary>Everything that an exhaustive run came to.</summary>
/// <param name="Target">The target's name.</param>
/// <param name="Result">Platform by platform.</param>
/// <param name="Findings">Every distinct divergence, with its file.</param>
public sealed record ExhaustiveReport(string Target, ExhaustiveResult Result, ImmutableArray<KeptFinding> Findings)
{
    public bool Conforms => Findings.IsEmpty;

    public long ScenarioCount => Result.Platforms.Sum(platform => platform.ScenarioCount);

    public long OpCount => Result.Platforms.Sum(platform => platform.OpCount);

    public long StateCount => Result.Platforms.Sum(platform => (long)platform.StateCount);
}
