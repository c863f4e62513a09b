using System.Collections.Immutable;
using IommuSpec;

namespace IommuHarness.Trace;

/// <summary>What a trace says: a scenario, a history, or a litmus test.</summary>
/// <param name="Comments">The comment lines above the platform, without their <c># </c>.</param>
/// <param name="Scenario">What is asked.</param>
/// <param name="Observations">What was answered, one for each operation from the first on; null where nothing was.</param>
/// <param name="Verdict">What the judge must say of the history; null where nothing is claimed. Only a history has one.</param>
public sealed record TraceFile(
    ImmutableArray<string> Comments,
    Scenario Scenario,
    ImmutableArray<Observation>? Observations,
    Expectation? Verdict)
{
    public bool Equals(TraceFile? other) =>
        other is not null
        && Comments.AsSpan().SequenceEqual(other.Comments.AsSpan())
        && Scenario == other.Scenario
        && Observations.HasValue == other.Observations.HasValue
        && Answers.SequenceEqual(other.Answers)
        && Verdict == other.Verdict;

    public override int GetHashCode() => Scenario.Ops.Length;

    private ReadOnlySpan<Observation> Answers => Observations is { } seen ? seen.AsSpan() : default;
}

/// <summary>What a litmus test claims of its history.</summary>
/// <param name="Allowed">True: it conforms, and the rule was used. False: the last observation breaks the rule, and nothing before it does.</param>
/// <param name="Rule">The rule that is pinned down.</param>
public sealed record Expectation(bool Allowed, RuleId Rule);
