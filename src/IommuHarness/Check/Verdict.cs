using IommuSpec;

namespace IommuHarness.Check;

/// <summary>What the judge says about a history.</summary>
public abstract record Verdict
{
    private Verdict() { }

    /// <summary>Every answer was allowed.</summary>
    public sealed record Conforms : Verdict
    {
        public static readonly Conforms Instance = new();
    }

    /// <summary>The first answer that was not allowed.</summary>
    /// <param name="Index">Which operation, from 0.</param>
    /// <param name="Op">What was asked.</param>
    /// <param name="Before">The state it was asked in.</param>
    /// <param name="Allowed">What could have been answered.</param>
    /// <param name="Seen">What was answered; <see cref="Observation.Hung"/> where an answer is missing.</param>
    /// <param name="Rule">The rule that the answer breaks.</param>
    public sealed record Diverges(int Index, Op Op, State Before, Allowed Allowed, Observation Seen, RuleId Rule) : Verdict;
}
