using System.Collections.Immutable;

namespace IommuSpec;

/// <summary>Everything that can be seen. Observations reveal every choice that a target makes.</summary>
public abstract record Observation
{
    private Observation() { }

    public sealed record Done : Observation
    {
        public static readonly Done Instance = new();
    }

    /// <summary>A software request declined, without any effect.</summary>
    public sealed record Refused(Refusal Why) : Observation;

    /// <summary>How many bytes an unmap removed, and, where it removed some and then gave up, why it stopped.</summary>
    public sealed record Unmapped(ulong Length, Refusal? Stopped = null) : Observation;

    /// <summary>The answer to a look-up.</summary>
    public sealed record Found(ulong Physical) : Observation;

    /// <summary>What became of a device's access, piece by piece in ascending order.</summary>
    public sealed record Moved(ImmutableArray<Piece> Pieces) : Observation
    {
        public bool Equals(Moved? other) => other is not null && Pieces.AsSpan().SequenceEqual(other.Pieces.AsSpan());

        public override int GetHashCode() => Pieces.Length;
    }

    /// <summary>What software loaded from memory.</summary>
    public sealed record Word(ulong Value) : Observation;

    /// <summary>The pending fault records in the order they were written, and whether the overflow flag was set.</summary>
    public sealed record Faults(ImmutableArray<FaultRecord> Records, bool Overflow) : Observation
    {
        public bool Equals(Faults? other) =>
            other is not null && Overflow == other.Overflow && Records.AsSpan().SequenceEqual(other.Records.AsSpan());

        public override int GetHashCode() => Records.Length;
    }

    /// <summary>What is still held: bytes mapped in all domains, devices attached, page tables in use (root tables not counted).</summary>
    public sealed record Holding(ulong MappedBytes, int AttachedCount, int TableCount) : Observation;

    /// <summary>The target died. Never allowed.</summary>
    public sealed record Crashed : Observation
    {
        public static readonly Crashed Instance = new();
    }

    /// <summary>The target did not answer in time. Never allowed.</summary>
    public sealed record Hung : Observation
    {
        public static readonly Hung Instance = new();
    }

    /// <summary>The target does not have this operation. Skipped, and counted in the report.</summary>
    public sealed record Unsupported : Observation
    {
        public static readonly Unsupported Instance = new();
    }
}

/// <summary>Why a request is declined.</summary>
public enum Refusal : byte
{
    /// <summary>A length of 0.</summary>
    Empty,

    /// <summary>The last byte lies beyond 2^64 - 1.</summary>
    Wraps,

    /// <summary>Not a multiple of the granule.</summary>
    Misaligned,

    /// <summary>Neither read nor write is asked for.</summary>
    NoRights,

    /// <summary>A physical address beyond the platform's.</summary>
    TooWide,

    /// <summary>An IOVA outside the domain's input range, or a command operand beyond its maximum.</summary>
    OutOfRange,

    /// <summary>The range touches a reserved region.</summary>
    Reserved,

    /// <summary>Something is mapped there already.</summary>
    Occupied,

    /// <summary>Nothing is mapped there.</summary>
    NotMapped,

    /// <summary>The range cuts a mapping in two.</summary>
    Partial,

    /// <summary>An allocation failed.</summary>
    NoMemory,

    /// <summary>The domain still has a device.</summary>
    Busy,

    /// <summary>The platform has no such operation.</summary>
    NotHere,

    /// <summary>More bytes than one access may have.</summary>
    TooLong,
}

/// <summary>One piece of a device's access: the part that lies in one granule.</summary>
/// <param name="Iova">Its first byte.</param>
/// <param name="Length">Bytes, 1 to one granule.</param>
/// <param name="Outcome">What became of it.</param>
public readonly record struct Piece(ulong Iova, int Length, Outcome Outcome);

/// <summary>What became of a piece.</summary>
public enum OutcomeKind : byte
{
    /// <summary>It reached physical memory.</summary>
    Landed,

    /// <summary>It was an interrupt request, no memory access.</summary>
    Interrupt,

    /// <summary>It was not performed.</summary>
    Faulted,
}

/// <summary>What became of a piece, with where it landed or why it faulted.</summary>
/// <param name="Kind">Which of the three.</param>
/// <param name="Physical">Where its first byte landed; 0 unless it landed.</param>
/// <param name="Reason">
/// The architecture's fault reason code (VT-d fault reason); 0 unless it faulted, and where it was not performed for another reason than
/// a fault, or the platform's devices do not learn why.
/// </param>
public readonly record struct Outcome(OutcomeKind Kind, ulong Physical, byte Reason)
{
    public static readonly Outcome Interrupt = new(OutcomeKind.Interrupt, 0, 0);

    /// <summary>Not performed, and no fault: no memory answers where it was sent.</summary>
    public static readonly Outcome Nowhere = new(OutcomeKind.Faulted, 0, 0);

    public static Outcome Landed(ulong physical) => new(OutcomeKind.Landed, physical, 0);

    public static Outcome Faulted(byte reason) => new(OutcomeKind.Faulted, 0, reason);
}

/// <summary>A fault record bit for bit, as the architecture lays it out (VT-d: the 128 bits of a fault recording register).</summary>
public readonly record struct FaultRecord(ulong Low, ulong High);
