using System.Collections.Immutable;
using IommuHarness.Coverage;
using IommuSpec;

namespace IommuHarness.Check;

/// <summary>History in, verdict out: follows the specification along the answers and stops at the first that is not allowed.</summary>
public static class Judge
{
    /// <summary>
    /// Judges a history. An unsupported operation is skipped: nothing happened. A crash or a hang is never allowed, so answers end there;
    /// answers that end earlier are judged as a hang of the first operation without one.
    /// </summary>
    /// <param name="history">What was asked and answered.</param>
    /// <param name="tally">Counts what the history exercised, where given; the diverging operation itself is not counted.</param>
    /// <exception cref="ArgumentException">There are more answers than operations.</exception>
    public static Verdict Check(History history, Tally? tally = null)
    {
        ImmutableArray<Op> ops = history.Scenario.Ops;
        ImmutableArray<Observation> answers = history.Observations;
        if (answers.Length > ops.Length)
            throw new ArgumentException($"{answers.Length} answers to {ops.Length} operations", nameof(history));

        State state = Start(history.Scenario.Platform);
        for (int i = 0; i < ops.Length; i++)
        {
            Observation seen = i < answers.Length ? answers[i] : Observation.Hung.Instance;
            if (seen is Observation.Unsupported)
            {
                tally?.CountUnsupported(ops[i]);
                continue;
            }

            Allowed allowed = Spec.Step(state, ops[i]);
            if (allowed.Match(seen) is not { } way)
                return new Verdict.Diverges(i, ops[i], state, allowed, seen, Blame.Of(history.Scenario, [.. answers.AsSpan()[..Math.Min(i, answers.Length)], seen]));
            tally?.Count(ops[i], seen, way.Rules);
            state = way.Next;
        }

        return Verdict.Conforms.Instance;
    }

    // A run judges thousands of scenarios of one platform: its start, an immutable value, is made once.
    [ThreadStatic]
    private static State? start;

    private static State Start(Platform platform) =>
        start is { } last && ReferenceEquals(last.Platform, platform) ? last : start = Spec.Start(platform);
}
