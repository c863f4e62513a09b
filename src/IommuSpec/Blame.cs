using System.Collections.Immutable;

namespace IommuSpec;

/// <summary>Which rule a wrong answer breaks. It decides nothing about what is allowed: it only finds the name for it.</summary>
public static class Blame
{
    /// <summary>
    /// Which rule the last answer of a history breaks, the whole history considered: where the answer was right once, the rule is the
    /// one that ended it.
    /// </summary>
    /// <param name="scenario">What was asked.</param>
    /// <param name="seen">What was answered; the last one is wrong and all before it are allowed or unsupported.</param>
    public static RuleId Of(Scenario scenario, ImmutableArray<Observation> seen)
    {
        List<State> states = [Spec.Start(scenario.Platform)];
        for (int i = 0; i < seen.Length - 1; i++)
            states.Add(seen[i] is Observation.Unsupported ? states[i] : Spec.Step(states[i], scenario.Ops[i]).Match(seen[i])!.Next);
        Op op = scenario.Ops[seen.Length - 1];
        Allowed now = Spec.Step(states[^1], op);
        if (now is not AllowedPieces pieces || seen[^1] is not Observation.Moved moved
            || pieces.FirstWrong(moved.Pieces) is not { } wrong || wrong >= Math.Min(pieces.Pieces.Length, moved.Pieces.Length))
            return now.Broken(seen[^1]);
        Outcome outcome = moved.Pieces[wrong].Outcome;
        // Right once for the domain that the device has now, or for whatever it had then.
        return (Ended([.. states.Select(state => state with { Attachments = states[^1].Attachments })])
            ?? Ended(states)
            ?? MixedUp(states[^1], (Op.Access)op, wrong, outcome)) ?? now.Broken(seen[^1]);

        RuleId? Ended(List<State> past)
        {
            int lastRight = past.FindLastIndex(state => AnswerTo(state, op, wrong, outcome) is not null);
            return lastRight < 0 ? null : EndedBy(scenario.Ops[lastRight], AnswerTo(past[lastRight], op, wrong, outcome)!.Value, pieces.Pieces[wrong].Plain);
        }
    }

    /// <summary>The answer by which one piece of an access may come out so; null where none does.</summary>
    private static Answer? AnswerTo(State state, Op op, int piece, Outcome outcome) =>
        (Spec.Step(state, op) as AllowedPieces)?.Pieces[piece].First(outcome);

    /// <summary>Where one answer and the rights of another were put together, the rule that lets the older one linger: it is used whole or not at all.</summary>
    private static RuleId? MixedUp(State state, Op.Access op, int piece, Outcome outcome) =>
        AnswerTo(state, op with { Kind = op.Kind == AccessKind.Read ? AccessKind.Write : AccessKind.Read }, piece, outcome)?.Rule
            is (RuleId.Inv1 or RuleId.Inv5 or RuleId.Inv6) and { } rule ? rule : null;

    /// <summary>The rule by which an operation ends an answer that was right before it.</summary>
    private static RuleId? EndedBy(Op op, Answer then, Answer now) => op switch
    {
        Op.Invalidate or Op.InvalidateDomain or Op.InvalidateAll => RuleId.Inv2,
        Op.Attach or Op.AttachIdentity or Op.Detach => RuleId.Ctx3,
        Op.FreeDomain => RuleId.Map14,
        Op.Map => RuleId.Inv3,
        Op.FlushIotlb => RuleId.Inv7,
        Op.FlushContexts => RuleId.Ctx9,
        Op.Program or Op.Unprogram => RuleId.Ctx8,
        Op.SetTranslation => now.Rule == RuleId.Ctx7 ? null : RuleId.Ctx4,
        // A store ends what caches may not remember: a context or an entry that was not there, or not right.
        Op.Poke or Op.SetRootTable => then.Rule is RuleId.Ctx5 or RuleId.Ctx6 ? RuleId.Inv6 : RuleId.Inv5,
        _ => null,
    };
}
