using System.Collections.Immutable;
using System.Globalization;
using IommuHarness.Coverage;
using IommuHarness.Generate;
using IommuSpec;

namespace IommuHarness.Check;

/// <summary>What a run of generated cases covers. Seed, platform, profile and case number decide a case; time only how many.</summary>
public sealed record CheckPlan
{
    public required ImmutableArray<NamedPlatform> Platforms { get; init; }

    /// <summary>Taken in turn, case by case; none leaves the choice to the generator.</summary>
    public ImmutableArray<Profile> Profiles { get; init; } = [];

    public ulong Seed { get; init; } = 1;

    /// <summary>The number of the first case on each platform.</summary>
    public long FirstCase { get; init; }

    /// <summary>Cases on all platforms that the target plays together, shared evenly; null: as many as the time allows.</summary>
    public long? CaseCount { get; init; }

    /// <summary>For all those platforms together, shared evenly; null: as long as the cases take.</summary>
    public TimeSpan? Duration { get; init; }

    /// <summary>A platform ends with its first diverging case; otherwise it goes on.</summary>
    public bool StopAtFirst { get; init; }

    /// <summary>A platform's share of the cases; null where only time ends them.</summary>
    /// <param name="index">Which it is of those that the target plays, from 0.</param>
    /// <param name="played">How many those are.</param>
    public long? Share(int index, int played) =>
        CaseCount is { } count ? (count / played) + (index < count % played ? 1 : 0) : null;
}

/// <summary>A divergence, made as small as it gets.</summary>
/// <param name="Where">Where it was found, in words: a file or a generated case.</param>
/// <param name="Case">Which generated case; null where it was found in a file.</param>
/// <param name="Original">What was asked there, up to the divergence.</param>
/// <param name="Minimal">The smallest history that breaks the same rule.</param>
/// <param name="Verdict">What the judge says about <paramref name="Minimal"/>.</param>
/// <param name="Signature">Rule and content hash: the same finding has the same one in every run.</param>
/// <param name="Crash">What killed the target, where something did and it could say.</param>
public sealed record Finding(
    string Where, CaseId? Case, Scenario Original, History Minimal, Verdict.Diverges Verdict, string Signature, Exception? Crash)
{
    /// <summary>The target broke the rule again when it was asked again; otherwise <see cref="Minimal"/> is what was seen once, whole.</summary>
    public required bool Repeats { get; init; }

    /// <summary>What it has in common with the same finding elsewhere.</summary>
    public string Shape { get; } = FindingShape.Of(Minimal, Verdict.Rule);
}

/// <summary>What finds a generated case again.</summary>
/// <param name="Platform">The platform's name.</param>
/// <param name="Profile">The profile's name; null where the generator chose.</param>
/// <param name="Seed">The run's seed.</param>
/// <param name="Index">The case's number.</param>
public sealed record CaseId(string Platform, string? Profile, ulong Seed, long Index)
{
    /// <summary>In words, for a report.</summary>
    public string Describe() => Profile is null
        ? string.Create(CultureInfo.InvariantCulture, $"platform {Platform}, seed {Seed}, case {Index}")
        : string.Create(CultureInfo.InvariantCulture, $"platform {Platform}, profile {Profile}, seed {Seed}, case {Index}");
}

/// <summary>One platform's share of a run.</summary>
/// <param name="Platform">Which.</param>
/// <param name="Tally">What its cases exercised.</param>
/// <param name="Elapsed">The time that they took, without shrinking.</param>
/// <param name="DivergingCount">Cases in which the target diverged; 0 where it conforms.</param>
/// <param name="First">The first finding that no platform before had shown; null where there is none.</param>
public sealed record PlatformResult(NamedPlatform Platform, Tally Tally, TimeSpan Elapsed, long DivergingCount, Finding? First)
{
    /// <summary>The target does not play this platform.</summary>
    public bool Skipped { get; init; }

    /// <summary>Ended before its share was done, because the target hung too often.</summary>
    public bool GaveUp { get; init; }
}

/// <summary>What a run of generated cases came to.</summary>
/// <param name="Platforms">In the order they were run; those that the run was stopped before are missing.</param>
/// <param name="Cancelled">Stopped by whoever started it.</param>
public sealed record CheckResult(ImmutableArray<PlatformResult> Platforms, bool Cancelled)
{
    /// <summary>Everything that was exercised.</summary>
    public Tally Total()
    {
        Tally total = new();
        foreach (PlatformResult platform in Platforms)
            total.Add(platform.Tally);
        return total;
    }

    /// <summary>Time spent on cases, without shrinking.</summary>
    public TimeSpan Elapsed => Platforms.Aggregate(TimeSpan.Zero, (sum, platform) => sum + platform.Elapsed);
}

/// <summary>How far a run is.</summary>
/// <param name="Platform">The platform at work.</param>
/// <param name="PlatformIndex">Its number, from 0.</param>
/// <param name="PlatformCount">Of how many.</param>
/// <param name="Part">How much of this platform's share is done, 0 to 1.</param>
/// <param name="CaseCount">Cases so far on this platform.</param>
/// <param name="OpCount">Operations so far on this platform.</param>
/// <param name="Elapsed">Time so far on this platform.</param>
public readonly record struct CheckProgress(
    string Platform, int PlatformIndex, int PlatformCount, double Part, long CaseCount, long OpCount, TimeSpan Elapsed);
