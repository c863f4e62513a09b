using System.Collections.Immutable;

namespace IommuSpec;

/// <summary>One thing that a target may answer.</summary>
/// <param name="Seen">The answer.</param>
/// <param name="Next">The state afterwards.</param>
/// <param name="Rules">The rules that make it right.</param>
public sealed record Way(Observation Seen, State Next, RuleSet Rules);

/// <summary>
/// What the specification lets a target answer: a non-empty set of ways. A judge asks <see cref="Match"/>; a mock picks from
/// <see cref="Ways"/>; a reader is shown <see cref="Describe"/>.
/// </summary>
public abstract record Allowed
{
    /// <summary>The way that was taken by a target that answered <paramref name="seen"/>; null where the answer is not allowed.</summary>
    public abstract Way? Match(Observation seen);

    /// <summary>Ways in a fixed order, never none; where there are very many, enough of them to show every choice.</summary>
    public abstract IEnumerable<Way> Ways();

    /// <summary>The rule that a wrong answer breaks. Called only where <see cref="Match"/> said null.</summary>
    public abstract RuleId Broken(Observation seen);

    /// <summary>What is allowed, in words a person reads beside what was seen; one line a choice.</summary>
    public abstract ImmutableArray<string> Describe();
}
