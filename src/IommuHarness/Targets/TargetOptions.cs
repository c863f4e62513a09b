using System.Collections.Immutable;

namespace IommuHarness.Targets;

/// <summary>How a target is started.</summary>
public sealed record TargetOptions
{
    public static readonly TimeSpan DefaultDeadline = TimeSpan.FromSeconds(5);

    /// <summary>How long a scenario may take before its target counts as hung.</summary>
    public TimeSpan Deadline { get; init; } = DefaultDeadline;

    /// <summary>A library is loaded into this process: faster, and its crash is the end of everything.</summary>
    public bool InProcess { get; init; }

    /// <summary>The words that start this program, without a verb; empty where it cannot be started again.</summary>
    public ImmutableArray<string> Self { get; init; } = [];
}
