using System.Collections.Immutable;
using System.Runtime.InteropServices;
using IommuSpec;

namespace IommuHarness.Targets.Lib;

/// <summary>Platforms, operations and answers as the structures of native/iommu_verify.h. The numbers stand here, so that a new member of an enumeration does not change them.</summary>
internal static class NativeWords
{
    private static readonly ImmutableArray<Refusal> Refusals =
    [
        Refusal.Empty, Refusal.Wraps, Refusal.Misaligned, Refusal.NoRights, Refusal.TooWide, Refusal.OutOfRange, Refusal.Reserved,
        Refusal.Occupied, Refusal.NotMapped, Refusal.Partial, Refusal.NoMemory, Refusal.Busy, Refusal.NotHere, Refusal.TooLong,
    ];

    /// <summary>The platform; null where something of it has no place in the structure.</summary>
    public static NativePlatform? Declared(Platform p)
    {
        NativePlatform native = new()
        {
            Format = (byte)p.Format,
            Levels = (byte)p.LevelCount,
            Contexts = (byte)p.Contexts,
            Contract = (byte)p.Contract,
            Unmap = (byte)p.Unmap,
            PhysicalBits = (byte)p.PhysicalBits,
            IovaBits = (byte)p.IovaBits,
            Widths = (byte)p.SupportedWidths,
            Pages2M = Bit(p.Pages2M),
            Pages1G = Bit(p.Pages1G),
            CachingMode = Bit(p.CachingMode),
            WidenWriteOnly = Bit(p.WidenWriteOnly),
            PromoteSuperpages = Bit(p.PromoteSuperpages),
            ReclaimTables = Bit(p.ReclaimTables),
            SnoopControl = Bit(p.SnoopControl),
            DeviceTlb = Bit(p.DeviceTlb),
            PassThrough = Bit(p.PassThrough),
            FaultCompression = Bit(p.FaultCompression),
            NoExecute = Bit(p.NoExecute),
            InterruptWindowReserved = Bit(p.InterruptWindowReserved),
            FaultRecords = (byte)p.FaultRecordCount,
        };
        return Back(native) == p ? native : null;
    }

    public static NativeOp Operation(Op op) => op switch
    {
        Op.Attach o => Of(1, o.Device) with { Domain = (byte)o.Domain },
        Op.AttachIdentity o => Of(2, o.Device),
        Op.Detach o => Of(3, o.Device),
        Op.Map o => new() { Kind = 4, Domain = (byte)o.Domain, Iova = o.Iova, Length = o.Length, Physical = o.Physical, Rights = (byte)o.Rights },
        Op.Unmap o => new() { Kind = 5, Domain = (byte)o.Domain, Iova = o.Iova, Length = o.Length },
        Op.UnmapAll o => new() { Kind = 6, Domain = (byte)o.Domain },
        Op.Lookup o => new() { Kind = 7, Domain = (byte)o.Domain, Iova = o.Iova },
        Op.Invalidate o => new() { Kind = 8, Domain = (byte)o.Domain, Iova = o.Iova, Length = o.Length },
        Op.InvalidateDomain o => new() { Kind = 9, Domain = (byte)o.Domain },
        Op.InvalidateAll => new() { Kind = 10 },
        Op.FreeDomain o => new() { Kind = 11, Domain = (byte)o.Domain },
        Op.Access o => Of(o.Kind == AccessKind.Read ? (ushort)12 : (ushort)13, o.Device) with { Iova = o.Iova, Length = o.Length },
        _ => HardwareOp(op),
    };

    /// <summary>An answer.</summary>
    /// <exception cref="LibException">It is none.</exception>
    public static Observation Answer(ReadOnlySpan<byte> bytes)
    {
        NativeAnswer head = MemoryMarshal.Read<NativeAnswer>(bytes);
        ReadOnlySpan<byte> rest = bytes[NativeAnswer.HeadSize..];
        return head.Seen switch
        {
            0 => Observation.Unsupported.Instance,
            1 => Observation.Done.Instance,
            2 => new Observation.Refused(Why(head.Refusal)),
            3 => new Observation.Unmapped(head.Value, head.Refusal == NativeAnswer.NotStopped ? null : Why(head.Refusal)),
            4 => new Observation.Found(head.Value),
            5 => new Observation.Word(head.Value),
            6 => new Observation.Moved(Pieces(MemoryMarshal.Cast<byte, NativePiece>(rest)[..Count(head.Count, NativeAnswer.MostPieces, "pieces")])),
            7 => new Observation.Faults(Records(MemoryMarshal.Cast<byte, NativeRecord>(rest)[..Count(head.Count, NativeAnswer.MostRecords, "records")]), head.Overflow != 0),
            8 => new Observation.Holding(head.Value, (int)head.Attached, (int)head.Tables),
            _ => throw new LibException($"an answer of kind {head.Seen}; 0 to 8 were expected"),
        };
    }

    private static NativeOp HardwareOp(Op op) => op switch
    {
        Op.Poke o => new() { Kind = 14, Physical = o.Physical, Value = o.Value },
        Op.Peek o => new() { Kind = 15, Physical = o.Physical },
        Op.Program o => Of(16, o.Device) with { Physical = o.Root, DomainId = o.DomainId },
        Op.Unprogram o => Of(17, o.Device),
        Op.SetRootTable o => new() { Kind = 18, Physical = o.Physical },
        Op.SetTranslation o => new() { Kind = 19, Flag = Bit(o.On) },
        Op.FlushContexts o => Of(20, o.Device) with { Granularity = (byte)o.Granularity, DomainId = o.DomainId, Number = o.FunctionMask },
        Op.FlushIotlb o => new()
        {
            Kind = 21, Granularity = (byte)o.Granularity, DomainId = o.DomainId, Iova = o.Address, Number = o.SizeLg2Pages, Flag = Bit(o.LeafOnly),
        },
        Op.DrainFaults => new() { Kind = 22 },
        Op.FailNext o => new() { Kind = 23, Number = o.Index },
        Op.Audit => new() { Kind = 24 },
        _ => throw new InvalidOperationException($"an operation without a number: {op}"),
    };

    private static Platform Back(NativePlatform n) => new()
    {
        Format = (TableFormat)n.Format,
        LevelCount = n.Levels,
        Contexts = (ContextMode)n.Contexts,
        Contract = (Contract)n.Contract,
        Unmap = (UnmapPolicy)n.Unmap,
        PhysicalBits = n.PhysicalBits,
        IovaBits = n.IovaBits,
        SupportedWidths = n.Widths,
        Pages2M = n.Pages2M != 0,
        Pages1G = n.Pages1G != 0,
        CachingMode = n.CachingMode != 0,
        WidenWriteOnly = n.WidenWriteOnly != 0,
        PromoteSuperpages = n.PromoteSuperpages != 0,
        ReclaimTables = n.ReclaimTables != 0,
        SnoopControl = n.SnoopControl != 0,
        DeviceTlb = n.DeviceTlb != 0,
        PassThrough = n.PassThrough != 0,
        FaultCompression = n.FaultCompression != 0,
        NoExecute = n.NoExecute != 0,
        InterruptWindowReserved = n.InterruptWindowReserved != 0,
        FaultRecordCount = n.FaultRecords,
    };

    private static NativeOp Of(ushort kind, int device) =>
        new() { Kind = kind, Device = (byte)device, Requester = Platform.RequesterId(device) };

    private static ImmutableArray<Piece> Pieces(ReadOnlySpan<NativePiece> natives)
    {
        Piece[] pieces = new Piece[natives.Length];
        for (int i = 0; i < pieces.Length; i++)
        {
            NativePiece n = natives[i];
            pieces[i] = new(n.Iova, (int)Math.Min(n.Length, int.MaxValue), n.Outcome switch
            {
                0 => Outcome.Landed(n.Physical),
                1 => Outcome.Interrupt,
                2 => Outcome.Faulted(n.Reason),
                _ => throw new LibException($"a piece with outcome {n.Outcome}; 0 to 2 were expected"),
            });
        }

        return ImmutableCollectionsMarshal.AsImmutableArray(pieces);
    }

    private static ImmutableArray<FaultRecord> Records(ReadOnlySpan<NativeRecord> natives)
    {
        FaultRecord[] records = new FaultRecord[natives.Length];
        for (int i = 0; i < records.Length; i++)
            records[i] = new(natives[i].Low, natives[i].High);
        return ImmutableCollectionsMarshal.AsImmutableArray(records);
    }

    private static Refusal Why(ushort number) => number < Refusals.Length
        ? Refusals[number]
        : throw new LibException($"a refusal of {number}; 0 to {Refusals.Length - 1} were expected");

    private static int Count(uint count, int most, string what) =>
        count <= most ? (int)count : throw new LibException($"{count} {what}; at most {most} were expected");

    private static byte Bit(bool value) => value ? (byte)1 : (byte)0;
}

/// <summary>What a library did that its interface does not allow.</summary>
public sealed class LibException(string message) : Exception($"the library gave {message}");
