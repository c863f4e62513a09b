using System.Collections.Immutable;
using IommuHarness.Coverage;
using IommuHarness.Generate;

namespace IommuHarness.Check;

/// <summary>What an exhaustive run covers: every scenario of up to so many operations of each platform's <see cref="Universe"/>.</summary>
/// <param name="Platforms">One after the other.</param>
/// <param name="Length">Operations of the longest scenarios, scenes not counted; at least 1.</param>
public sealed record ExhaustivePlan(ImmutableArray<NamedPlatform> Platforms, int Length);

/// <summary>One platform's share of an exhaustive run.</summary>
/// <param name="Platform">Which.</param>
/// <param name="Universe">What its scenarios are made of.</param>
/// <param name="OpCount">Operations that the target was asked, scenes not counted.</param>
/// <param name="StateCount">Different states of the specification that scenarios went on from.</param>
/// <param name="Tally">Its scenarios, and what the last operation of each exercised: those before were the last of a shorter one.</param>
/// <param name="Elapsed">The time that they took, without shrinking.</param>
/// <param name="Finding">Where the target diverged, in as few operations as it can; null where it conforms.</param>
/// <param name="Skipped">The target does not play this platform.</param>
public sealed record ExhaustivePlatform(
    NamedPlatform Platform, Universe Universe, long OpCount, int StateCount, Tally Tally, TimeSpan Elapsed, Finding? Finding, bool Skipped)
{
    public long ScenarioCount => Tally.CaseCount;
}

/// <summary>What an exhaustive run came to.</summary>
/// <param name="Length">Operations of the longest scenarios.</param>
/// <param name="Platforms">In the order they were run; those that the run was stopped before are missing.</param>
/// <param name="Cancelled">Stopped by whoever started it: the last platform is not complete.</param>
public sealed record ExhaustiveResult(int Length, ImmutableArray<ExhaustivePlatform> Platforms, bool Cancelled)
{
    /// <summary>Each distinct divergence once, in the order they were found.</summary>
    public IEnumerable<Finding> Findings() =>
        Platforms.Select(platform => platform.Finding).OfType<Finding>().DistinctBy(finding => finding.Signature);

    /// <summary>Everything that was exercised.</summary>
    public Tally Total()
    {
        Tally total = new();
        foreach (ExhaustivePlatform platform in Platforms)
            total.Add(platform.Tally);
        return total;
    }

    /// <summary>Time spent on scenarios, without shrinking.</summary>
    public TimeSpan Elapsed => Platforms.Aggregate(TimeSpan.Zero, (sum, platform) => sum + platform.Elapsed);
}
