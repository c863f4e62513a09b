using System.Collections.Immutable;

namespace IommuSpec;

/// <summary>What is asked, in order, of a platform that starts empty.</summary>
public sealed record Scenario(Platform Platform, ImmutableArray<Op> Ops)
{
    public bool Equals(Scenario? other) =>
        other is not null && Platform == other.Platform && Ops.AsSpan().SequenceEqual(other.Ops.AsSpan());

    public override int GetHashCode() => Ops.Length;
}

/// <summary>A scenario and what a target answered, operation by operation. A target that died answers fewer.</summary>
public sealed record History(Scenario Scenario, ImmutableArray<Observation> Observations);
