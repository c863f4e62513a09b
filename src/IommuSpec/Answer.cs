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
public readonly record struct Answer(Outcome Outcome, RuleId Rule, RuleSet Rules, ImmutableArray<BitsSet> Sets, bool Suppressed = false)
{
    /// <summary>Whether it leaves a fault record, if there is room for one.</summary>
    public bool IsRecorded => Outcome is { Kind: OutcomeKind.Faulted, Reason: not 0 } && !Suppressed;

    public Answer(Outcome outcome, RuleId rule)
        : this(outcome, rule, RuleSet.Of(rule), []) { }
}

/// <summary>One piece of an access and the ways in which it may come out.</summary>
/// <param name="Iova">Its first byte.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Plain">The way that what is mapped now gives.</param>
/// <param name="Others">What caches may give instead. It is worked out only as far as somebody asks: a judge seldom has to.</param>
/// <param name="ShowsReasons">Whether a device learns why it was stopped.</param>
public sealed record PieceAnswers(ulong Iova, int Length, Answer Plain, IEnumerable<Answer> Others, bool ShowsReasons)
{
    /// <summary>What a device sees of an answer.</summary>
    public Outcome Seen(Answer answer) => ShowsReasons || answer.Outcome.Kind != OutcomeKind.Faulted ? answer.Outcome : Outcome.Nowhere;

    /// <summary>All ways, the plain one first.</summary>
    public ImmutableArray<Answer> Answers => [Plain, .. Others];

    /// <summary>The first way that comes out so; null where none does.</summary>
    public Answer? First(Outcome outcome)
    {
        if (Seen(Plain) == outcome)
            return Plain;
        foreach (Answer other in Others)
        {
            if (Seen(other) == outcome)
                return other;
        }
        return null;
    }
}

/// <summary>What a device's access may become: for each piece, independently, one of its answers.</summary>
/// <param name="Before">The state in which the access is made.</param>
/// <param name="Device">Whose access it is.</param>
/// <param name="Kind">Read or write.</param>
/// <param name="Pieces">In ascending order.</param>
/// <param name="MayBeSuppressed">Whether the contexts that the device may be using differ in what faults they let be recorded.</param>
public sealed record AllowedPieces(State Before, int Device, AccessKind Kind, ImmutableArray<PieceAnswers> Pieces, bool MayBeSuppressed) : Allowed
{
    private const int MostWays = 64;

    public override Way? Match(Observation seen)
    {
        if (seen is not Observation.Moved moved || moved.Pieces.Length != Pieces.Length)
            return null;
        State next = Before;
        RuleSet rules = RuleSet.Of(RuleId.Trn2);
        RuleId rule = RuleId.Trn2;
        for (int i = 0; i < Pieces.Length; i++)
        {
            Outcome outcome = moved.Pieces[i].Outcome;
            if (!IsSamePiece(i, moved.Pieces) || Pieces[i].First(outcome) is not { } first)
                return null;
            (rule, rules) = (first.Rule, rules | first.Rules);
            if (SetsBits && (outcome.Reason == 0 || Before.Platform.FaultingWalksSetBits))
                next = Memory(next, Taken(Pieces[i], outcome));
            if (outcome.Kind == OutcomeKind.Faulted)
            {
                List<Answer> taken = MayBeSuppressed || !Pieces[i].ShowsReasons || Before.Platform.SilentCachedDenials ? Taken(Pieces[i], outcome) : [first];
                bool suppressed = taken.TrueForAll(answer => !answer.IsRecorded);
                rules |= suppressed ? first.Suppressed ? RuleId.Flt4 : first.Rule : RuleId.Flt1;
                next = suppressed ? first.Suppressed ? Rules.Faults.Drop(next, RuleId.Flt4) : next
                    : Rules.Faults.Record(next, Device, Kind, Pieces[i].Iova, taken);
            }
        }
        return new(seen, next, rule, rules);
    }

    /// <summary>Whether hardware may set bits in tables on the way; at the software level nobody sees that.</summary>
    private bool SetsBits => Before.Platform.Contexts != ContextMode.Software && Before.Format.SetsBits;

    /// <summary>The ways that come out as was seen; one at least.</summary>
    private static List<Answer> Taken(PieceAnswers piece, Outcome outcome)
    {
        List<Answer> taken = [];
        if (piece.Seen(piece.Plain) == outcome)
            taken.Add(piece.Plain);
        foreach (Answer other in piece.Others)
        {
            if (piece.Seen(other) == outcome)
                taken.Add(other);
        }
        return taken;
    }

    // What every way to this outcome sets is set; what only some set may be set, and so may be what a walk passed before it faulted.
    private static State Memory(State state, List<Answer> taken)
    {
        Hardware hardware = state.Hardware;
        foreach (Answer answer in taken)
        {
            foreach (BitsSet set in answer.Sets)
            {
                ulong certain = ulong.MaxValue, possible = 0;
                foreach (Answer way in taken)
                    (certain, possible) = (certain & (way.Outcome.Reason == 0 ? Mask(way, set.Physical) : 0), possible | Mask(way, set.Physical));
                hardware = hardware.SetBits(set.Physical, certain, possible);
            }
        }
        return ReferenceEquals(hardware, state.Hardware) ? state : state with { Hardware = hardware };
    }

    private static ulong Mask(Answer answer, ulong physical)
    {
        ulong mask = 0;
        foreach (BitsSet set in answer.Sets)
            mask |= set.Physical == physical ? set.Mask : 0;
        return mask;
    }

    public override IEnumerable<Way> Ways()
    {
        ImmutableArray<ImmutableArray<Answer>> answers = [.. Pieces.Select(piece => piece.Answers)];
        int most = answers.Max(ways => ways.Length);
        // The plain answers, each choice of each piece once, then every piece's n-th choice together.
        List<ImmutableArray<int>> picks = [[.. Pieces.Select(_ => 0)]];
        for (int piece = 0; piece < Pieces.Length; piece++)
        {
            for (int choice = 1; choice < answers[piece].Length; choice++)
                picks.Add(picks[0].SetItem(piece, choice));
        }
        for (int choice = 1; choice < most; choice++)
            picks.Add([.. answers.Select(ways => Math.Min(choice, ways.Length - 1))]);
        return picks.Take(MostWays).Select(Pick).DistinctBy(way => Words.Of(way.Seen));

        Way Pick(ImmutableArray<int> choices) =>
            Match(new Observation.Moved([.. Pieces.Select((piece, i) => new Piece(piece.Iova, piece.Length, piece.Seen(answers[i][choices[i]])))]))!;
    }

    public override RuleId Broken(Observation seen) => seen switch
    {
        Observation.Moved moved when FirstWrong(moved.Pieces) is { } wrong && wrong < Pieces.Length && IsSamePiece(wrong, moved.Pieces) =>
            TooStrict(Pieces[wrong].Plain, moved.Pieces[wrong].Outcome) ?? Pieces[wrong].Plain.Rule,
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
            if (!IsSamePiece(i, seen) || Pieces[i].First(seen[i].Outcome) is null)
                return i;
        }
        return null;
    }

    private bool IsSamePiece(int index, ImmutableArray<Piece> seen) =>
        index < Pieces.Length && index < seen.Length && seen[index].Iova == Pieces[index].Iova && seen[index].Length == Pieces[index].Length;

    public override ImmutableArray<string> Describe() =>
        [.. Pieces.Select(piece =>
            $"{Words.Hex(piece.Iova)}+{Words.Hex((ulong)piece.Length)} "
            + string.Join(" or ", piece.Answers.DistinctBy(a => a.Outcome).Select(a => $"{Words.Of(a)} ({a.Rule.Text()})")))];
}
