using System.Collections.Immutable;
using System.Text;
using IommuSpec;

namespace IommuHarness.Trace;

/// <summary>Observations as text: what stands after <c>= </c>.</summary>
public static class ObservationText
{
    private const string Known =
        "done, refused, unmapped, found, word, moved, faults, holding, crashed, hung or unsupported";

    /// <summary>The observation's text, without the equals sign.</summary>
    public static string Write(Observation seen) => seen switch
    {
        Observation.Done => "done",
        Observation.Refused r => $"refused {Words<Refusal>.Of(r.Why)}",
        Observation.Unmapped { Stopped: { } why } u => $"unmapped 0x{u.Length:x} stopped {Words<Refusal>.Of(why)}",
        Observation.Unmapped u => $"unmapped 0x{u.Length:x}",
        Observation.Found f => $"found 0x{f.Physical:x}",
        Observation.Word w => $"word 0x{w.Value:x}",
        Observation.Moved m => $"moved {(m.Pieces.IsEmpty ? "nothing" : string.Join(", ", m.Pieces.Select(Write)))}",
        Observation.Faults f => Write(f),
        Observation.Holding h => $"holding mapped 0x{h.MappedBytes:x} attached {h.AttachedCount} tables {h.TableCount}",
        Observation.Crashed => "crashed",
        Observation.Hung => "hung",
        Observation.Unsupported => "unsupported",
        _ => throw new ArgumentOutOfRangeException(nameof(seen), seen, "an observation without a text form"),
    };

    private static string Write(Piece piece) => $"0x{piece.Iova:x}+0x{piece.Length:x} " + piece.Outcome.Kind switch
    {
        OutcomeKind.Landed => $"at 0x{piece.Outcome.Physical:x}",
        OutcomeKind.Faulted => $"faulted 0x{piece.Outcome.Reason:x}",
        _ => "interrupt",
    };

    private static string Write(Observation.Faults faults)
    {
        StringBuilder text = new("faults");
        if (faults.Overflow)
            text.Append(" overflow");
        if (faults.Records.IsEmpty)
            text.Append(" none");
        foreach (FaultRecord record in faults.Records)
            text.Append($" 0x{record.High:x}:0x{record.Low:x}");
        return text.ToString();
    }

    /// <summary>Reads a line to its end, from behind the equals sign.</summary>
    internal static Observation Read(Cursor c)
    {
        Token word = c.Next();
        Observation seen = word.Text switch
        {
            "done" => Observation.Done.Instance,
            "refused" => new Observation.Refused(c.Word<Refusal>("a refusal")),
            "unmapped" => ReadUnmapped(c),
            "found" => new Observation.Found(c.Number("a physical address")),
            "word" => new Observation.Word(c.Number("a value")),
            "moved" => ReadMoved(c),
            "faults" => ReadFaults(c),
            "holding" => ReadHolding(c),
            "crashed" => Observation.Crashed.Instance,
            "hung" => Observation.Hung.Instance,
            "unsupported" => Observation.Unsupported.Instance,
            _ => throw c.Error($"an answer ({Known})", word),
        };
        c.End();
        return seen;
    }

    private static Observation.Unmapped ReadUnmapped(Cursor c)
    {
        ulong length = c.Number("a length");
        return c.Take("stopped") ? new(length, c.Word<Refusal>("a refusal")) : new(length);
    }

    private static Observation.Moved ReadMoved(Cursor c)
    {
        if (c.Take("nothing"))
            return new(ImmutableArray<Piece>.Empty);
        ImmutableArray<Piece>.Builder pieces = ImmutableArray.CreateBuilder<Piece>();
        do
            pieces.Add(ReadPiece(c));
        while (c.Take(","));
        return new(pieces.DrainToImmutable());
    }

    private static Piece ReadPiece(Cursor c)
    {
        Token range = c.Next();
        int plus = range.Text.IndexOf('+', StringComparison.Ordinal);
        if (plus < 0)
            throw c.Error("a piece (IOVA+LENGTH)", range);
        ulong iova = c.Number(range.Before(plus), "an IOVA");
        int length = (int)c.Number(range.From(plus + 1), "a length", int.MaxValue);
        Token what = c.Next();
        Outcome outcome = what.Text switch
        {
            "at" => Outcome.Landed(c.Number("a physical address")),
            "faulted" => Outcome.Faulted((byte)c.Number("a fault reason", byte.MaxValue)),
            "interrupt" => Outcome.Interrupt,
            _ => throw c.Error("at, faulted or interrupt", what),
        };
        return new(iova, length, outcome);
    }

    private static Observation.Faults ReadFaults(Cursor c)
    {
        bool overflow = c.Take("overflow");
        if (c.Take("none"))
            return new(ImmutableArray<FaultRecord>.Empty, overflow);
        ImmutableArray<FaultRecord>.Builder records = ImmutableArray.CreateBuilder<FaultRecord>();
        do
            records.Add(ReadRecord(c));
        while (!c.Peek().IsEnd);
        return new(records.DrainToImmutable(), overflow);
    }

    private static FaultRecord ReadRecord(Cursor c)
    {
        Token token = c.Next();
        int colon = token.Text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0)
            throw c.Error("a fault record (HIGH:LOW) or none", token);
        ulong high = c.Number(token.Before(colon), "a fault record's high word");
        return new(c.Number(token.From(colon + 1), "a fault record's low word"), high);
    }

    private static Observation.Holding ReadHolding(Cursor c)
    {
        c.Keyword("mapped");
        ulong mapped = c.Number("a length");
        c.Keyword("attached");
        int attached = c.Int("a count");
        c.Keyword("tables");
        return new(mapped, attached, c.Int("a count"));
    }
}
