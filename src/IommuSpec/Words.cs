using System.Globalization;

namespace IommuSpec;

/// <summary>Observations in words, for people. The text form that is read back is the harness's.</summary>
public static class Words
{
    public static string Of(Observation seen) => seen switch
    {
        Observation.Done => "done",
        Observation.Refused r => $"refused {Of(r.Why)}",
        Observation.Unmapped { Stopped: { } why } u => $"unmapped {Hex(u.Length)}, then stopped: {Of(why)}",
        Observation.Unmapped u => $"unmapped {Hex(u.Length)}",
        Observation.Found f => $"found {Hex(f.Physical)}",
        Observation.Moved m => string.Join(", ", m.Pieces.Select(Of)),
        Observation.Word w => $"word {Hex(w.Value)}",
        Observation.Faults f => $"{f.Records.Length} fault records{(f.Overflow ? " and overflow" : "")}{string.Concat(f.Records.Select(r => $" {Hex(r.High)}:{Hex(r.Low)}"))}",
        Observation.Holding h => $"holding {Hex(h.MappedBytes)} mapped, {h.AttachedCount} attached, {h.TableCount} tables",
        Observation.Crashed => "crashed",
        Observation.Hung => "hung",
        Observation.Unsupported => "unsupported",
        _ => throw new InvalidOperationException("unknown observation"),
    };

    public static string Of(Piece piece) => $"{Hex(piece.Iova)}+{Hex((ulong)piece.Length)} {Of(piece.Outcome)}";

    public static string Of(Outcome outcome) => outcome.Kind switch
    {
        OutcomeKind.Landed => $"at {Hex(outcome.Physical)}",
        OutcomeKind.Interrupt => "interrupt",
        _ => $"faulted {Hex(outcome.Reason)}",
    };

    /// <summary>An answer: what is seen of it, and the reason where only the fault record has it.</summary>
    public static string Of(Answer answer) =>
        answer.Outcome == Outcome.Nowhere ? "not performed, as no memory is there" : Of(answer.Outcome) + (answer.Suppressed ? ", not recorded" : "");

    /// <summary>"not-mapped" for the refusal named NotMapped.</summary>
    public static string Of(Refusal why) =>
        string.Concat(why.ToString().Select((c, i) => char.IsAsciiLetterUpper(c) ? (i > 0 ? "-" : "") + char.ToLowerInvariant(c) : c.ToString()));

    public static string Hex(ulong value) => "0x" + value.ToString("x", CultureInfo.InvariantCulture);
}
