using System.Collections.Immutable;

namespace IommuSpec;

/// <summary>Bits that hardware sets in a word of memory on the way: accessed and dirty.</summary>
public readonly record struct BitsSet(ulong Physical, ulong Mask);

/// <summary>One way in which one piece of an access may come out.</summary>
/// <param name="Outcome">What is seen.</param>
/// <param name="Rule">The rule that makes it right before all others.</param>
/// <param name="Rules">Every rule that makes it right.</param>
/// <param name="Sets">Bits that this way sets in memory.</param>
/// <param name="Suppressed">A fault that is not recorded.</param>
public sealed record Answer(Outcome Outcome, RuleId Rule, RuleSet Rules, ImmutableArray<BitsSet> Sets, bool Suppressed = false)
{
    public Answer(Outcome outcome, RuleId rule)
        : this(outcome, rule, RuleSet.Of(rule), []) { }
}

/// <summary>One piece of an access and the ways in which it may come out, the plain one first.</summary>
public sealed record PieceAnswers(ulong Iova, int Length, ImmutableArray<Answer> Answers);

/// <summary>What a device's access may become: for each piece, independently, one of its answers.</summary>
/// <param name="Before">The state in which the access is made.</param>
/// <param name="Device">Whose access it is.</param>
/// <param name="Kind">Read or write.</param>
/// <param name="Pieces">In ascending order.</param>
public sealed record AllowedPieces(State Before, int Device, AccessKind Kind, ImmutableArray<PieceAnswers> Pieces) : Allowed
{
    private const int MostWays = 64;

    public override Way? Match(Observation seen)
    {
        if (seen is not Observation.Moved moved || FirstWrong(moved.Pieces) is not null)
            return null;
        State next = Before;
        RuleSet rules = RuleSet.Of(RuleId.Trn2);
        RuleId rule = RuleId.Trn2;
        for (int i = 0; i < Pieces.Length; i++)
        {
            Outcome outcome = moved.Pieces[i].Outcome;
            ImmutableArray<Answer> taken = Taken(Pieces[i].Answers, outcome);
            (rule, rules) = (taken[0].Rule, rules | taken[0].Rules);
            next = Memory(next, taken);
            if (outcome.Kind == OutcomeKind.Faulted)
            {
                bool suppressed = taken.All(answer => answer.Suppressed);
                bool certain = suppressed || !taken.Any(answer => answer.Suppressed);
                rules |= suppressed ? RuleId.Flt4 : RuleId.Flt1;
                next = suppressed ? Rules.Faults.Drop(next, RuleId.Flt4) : Rules.Faults.Record(next, Device, Kind, Pieces[i].Iova, outcome.Reason, certain);
            }
        }
        return new(seen, next, rule, rules);
    }

    /// <summary>The ways that come out as was seen; one at least.</summary>
    private static ImmutableArray<Answer> Taken(ImmutableArray<Answer> answers, Outcome outcome) =>
        answers.Length == 1 ? answers : answers.RemoveAll(answer => answer.Outcome != outcome);

    // What every way to this outcome sets is set; what only some set may be set.
    private static State Memory(State state, ImmutableArray<Answer> taken)
    {
        if (!SetsSomething(taken))
            return state;
        ImmutableDictionary<ulong, Word> memory = state.Hardware.Memory;
        foreach (ulong physical in taken.SelectMany(answer => answer.Sets).Select(set => set.Physical).Distinct())
        {
            IEnumerable<ulong> masks = taken.Select(answer => answer.Sets.Where(set => set.Physical == physical).Aggregate(0ul, (mask, set) => mask | set.Mask));
            ulong certain = masks.Aggregate((a, b) => a & b);
            ulong possible = masks.Aggregate((a, b) => a | b);
            Word word = state.Hardware.Read(physical);
            ulong value = word.Value | certain;
            memory = memory.SetItem(physical, word with { Value = value, Maybe = (word.Maybe | possible) & ~value });
        }
        return state with { Hardware = state.Hardware with { Memory = memory } };
    }

    private static bool SetsSomething(ImmutableArray<Answer> taken)
    {
        foreach (Answer answer in taken)
        {
            if (!answer.Sets.IsEmpty)
                return true;
        }
        return false;
    }

    public override IEnumerable<Way> Ways()
    {
        int most = Pieces.Max(piece => piece.Answers.Length);
        // The plain answers, each choice of each piece once, then every piece's n-th choice together.
        List<ImmutableArray<int>> picks = [[.. Pieces.Select(_ => 0)]];
        for (int piece = 0; piece < Pieces.Length; piece++)
        {
            for (int choice = 1; choice < Pieces[piece].Answers.Length; choice++)
                picks.Add(picks[0].SetItem(piece, choice));
        }
        for (int choice = 1; choice < most; choice++)
            picks.Add([.. Pieces.Select(piece => Math.Min(choice, piece.Answers.Length - 1))]);
        return picks.Take(MostWays).Select(Pick).DistinctBy(way => Words.Of(way.Seen));
    }

    private Way Pick(ImmutableArray<int> choices) =>
        Match(new Observation.Moved([.. Pieces.Select((piece, i) => new Piece(piece.Iova, piece.Length, piece.Answers[choices[i]].Outcome))]))!;

    public override RuleId Broken(Observation seen) => seen switch
    {
        Observation.Moved moved when FirstWrong(moved.Pieces) is { } wrong && wrong < Pieces.Length && IsSamePiece(wrong, moved.Pieces) =>
            TooStrict(Pieces[wrong].Answers[0], moved.Pieces[wrong].Outcome) ?? Pieces[wrong].Answers[0].Rule,
        Observation.Moved => RuleId.Trn2,
        _ => RuleId.Trn1,
    };

    /// <summary>The check that stopped what should have landed, where the outcome says which.</summary>
    private RuleId? TooStrict(Answer right, Outcome seen) =>
        seen.Kind == OutcomeKind.Interrupt ? RuleId.Trn6
        : right.Outcome.Kind != OutcomeKind.Landed || seen.Kind != OutcomeKind.Faulted || right.Rule is RuleId.Ctx2 or RuleId.Ctx4 or RuleId.Ctx7 ? null
        : seen.Reason == Before.Format.Reserved ? RuleId.Wlk4
        : seen.Reason == Before.Format.OutputInWindow ? RuleId.Trn7
        : seen.Reason == Before.Format.OutOfInputRange ? RuleId.Trn8
        : null;

    /// <summary>Index of the first piece that came out in no allowed way; null where all did.</summary>
    public int? FirstWrong(ImmutableArray<Piece> seen)
    {
        for (int i = 0; i < Math.Max(Pieces.Length, seen.Length); i++)
        {
            if (!IsSamePiece(i, seen) || !Includes(Pieces[i].Answers, seen[i].Outcome))
                return i;
        }
        return null;
    }

    private static bool Includes(ImmutableArray<Answer> answers, Outcome outcome)
    {
        foreach (Answer answer in answers)
        {
            if (answer.Outcome == outcome)
                return true;
        }
        return false;
    }

    private bool IsSamePiece(int index, ImmutableArray<Piece> seen) =>
        index < Pieces.Length && index < seen.Length && seen[index].Iova == Pieces[index].Iova && seen[index].Length == Pieces[index].Length;

    public override ImmutableArray<string> Describe() =>
        [.. Pieces.Select(piece =>
            $"{Words.Hex(piece.Iova)}+{Words.Hex((ulong)piece.Length)} "
            + string.Join(" or ", piece.Answers.DistinctBy(a => a.Outcome).Select(a => $"{Words.Of(a.Outcome)} ({a.Rule.Text()})")))];
}
