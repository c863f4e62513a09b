using System.Collections.Immutable;
using System.Numerics;
using IommuSpec;

namespace IommuHarness.Coverage;

/// <summary>
/// Counts what judged histories exercised: operations by kind, refusals by reason, rules used, faults by reason, stale
/// answers taken. Mutable and single-threaded: it sits in the innermost loop.
/// </summary>
public sealed class Tally
{
    /// <summary>The rules by which an answer lingers: of a domain, of absence, of a walk, of a context.</summary>
    private static readonly RuleSet Stale = RuleSet.Of(RuleId.Inv1) | RuleId.Inv3 | RuleId.Inv5 | RuleId.Inv6;

    private readonly long[] ops = new long[OpKinds.Names.Length];
    private readonly long[] unsupported = new long[OpKinds.Names.Length];
    private readonly long[] refusals = new long[Enum.GetValues<Refusal>().Length];
    private readonly long[] faults = new long[byte.MaxValue + 1];
    private readonly long[] rules = new long[128];

    /// <summary>Cases counted by whoever runs them.</summary>
    public long CaseCount { get; private set; }

    /// <summary>Judged operations.</summary>
    public long OpCount => ops.Sum();

    /// <summary>Operations that the target does not have; they are not judged.</summary>
    public long UnsupportedCount => unsupported.Sum();

    public long LandedCount { get; private set; }

    public long InterruptCount { get; private set; }

    public long FaultCount => faults.Sum();

    /// <summary>Accesses whose answer was right only because an earlier one may linger.</summary>
    public long StaleCount { get; private set; }

    public void CountCase() => CaseCount++;

    public void CountUnsupported(Op op) => unsupported[OpKinds.Index(op)]++;

    /// <summary>Counts one judged operation, what was answered and the rules that allow the answer.</summary>
    public void Count(Op op, Observation seen, RuleSet used)
    {
        ops[OpKinds.Index(op)]++;
        switch (seen)
        {
            case Observation.Moved moved:
                CountPieces(moved.Pieces.AsSpan());
                StaleCount += (used & Stale) != RuleSet.None ? 1 : 0;
                break;
            case Observation.Refused refused:
                refusals[(int)refused.Why]++;
                break;
            case Observation.Unmapped { Stopped: { } why }:
                refusals[(int)why]++;
                break;
        }

        for (ulong low = used.Low; low != 0; low &= low - 1)
            rules[BitOperations.TrailingZeroCount(low)]++;
        for (ulong high = used.High; high != 0; high &= high - 1)
            rules[64 + BitOperations.TrailingZeroCount(high)]++;
    }

    /// <summary>Adds everything that another tally counted.</summary>
    public void Add(Tally other)
    {
        AddTo(ops, other.ops);
        AddTo(unsupported, other.unsupported);
        AddTo(refusals, other.refusals);
        AddTo(faults, other.faults);
        AddTo(rules, other.rules);
        CaseCount += other.CaseCount;
        LandedCount += other.LandedCount;
        InterruptCount += other.InterruptCount;
        StaleCount += other.StaleCount;
    }

    /// <summary>Operations by kind, in the order of <see cref="OpKinds.Names"/>, kinds that never came with 0.</summary>
    public ImmutableArray<(string Kind, long Count)> Ops() => [.. OpKinds.Names.Select((name, i) => (name, ops[i]))];

    /// <summary>Unsupported operations by kind, only those that came.</summary>
    public ImmutableArray<(string Kind, long Count)> Unsupported() =>
        [.. OpKinds.Names.Select((name, i) => (name, unsupported[i])).Where(kind => kind.Item2 > 0)];

    /// <summary>Refusals by reason, in the order of the reasons, those that never came with 0.</summary>
    public ImmutableArray<(Refusal Why, long Count)> Refusals() => [.. Enum.GetValues<Refusal>().Select(why => (why, refusals[(int)why]))];

    /// <summary>Faulted pieces by reason code, ascending, only those that came.</summary>
    public ImmutableArray<(byte Reason, long Count)> Faults() =>
        [.. Enumerable.Range(0, faults.Length).Where(reason => faults[reason] > 0).Select(reason => ((byte)reason, faults[reason]))];

    /// <summary>How often each rule made an answer right, in the order of the rules, those never used with 0.</summary>
    public ImmutableArray<(RuleId Rule, long Count)> Rules() => [.. Enum.GetValues<RuleId>().Select(rule => (rule, rules[(int)rule]))];

    public long Used(RuleId rule) => rules[(int)rule];

    private static void AddTo(long[] sums, long[] more)
    {
        for (int i = 0; i < sums.Length; i++)
            sums[i] += more[i];
    }

    private void CountPieces(ReadOnlySpan<Piece> pieces)
    {
        foreach (ref readonly Piece piece in pieces)
        {
            switch (piece.Outcome.Kind)
            {
                case OutcomeKind.Landed:
                    LandedCount++;
                    break;
                case OutcomeKind.Interrupt:
                    InterruptCount++;
                    break;
                case OutcomeKind.Faulted:
                    faults[piece.Outcome.Reason]++;
                    break;
            }
        }
    }
}
