using System.Collections.Immutable;

namespace IommuSpec.Rules;

/// <summary>FLT: what of a fault reaches software.</summary>
public static class Faults
{
    // FLT-1  A fault is recorded with the page it was at, the requester, the reason and whether it was a read.
    [Rule(RuleId.Flt1, "a fault record holds the page address, the requester id, the reason and the type, and nothing else",
        Source = "VT-d fault recording register: FI 63:12; SID 15:0, FR 39:32, T 62 (1 read), F 63")]
    public static FaultRecord Lay(ushort requester, AccessKind kind, ulong iova, byte reason) => new(
        iova & ~(Platform.Granule - 1),
        requester | ((ulong)reason << 32) | (kind == AccessKind.Read ? 1ul << 62 : 0) | (1ul << 63));

    /// <summary>The requester id in a record.</summary>
    private static ushort Requester(FaultRecord record) => (ushort)Bits.Field(record.High, 15, 0);

    /// <summary>Appends a fault to those software has not read.</summary>
    /// <param name="state">Before it.</param>
    /// <param name="device">Whose access faulted.</param>
    /// <param name="kind">Read or write.</param>
    /// <param name="iova">Where.</param>
    /// <param name="taken">The ways that come out as was seen; one of them at least leaves a record.</param>
    public static State Record(State state, int device, AccessKind kind, ulong iova, List<Answer> taken)
    {
        ushort requester = Platform.RequesterId(device);
        if (LostFor(state, requester) is { } rule)
            return Drop(state, rule);
        bool certain = taken.TrueForAll(answer => answer.IsRecorded);
        ImmutableArray<FaultRecord> records = [.. taken.Where(answer => answer.IsRecorded).Select(answer => Lay(requester, kind, iova, answer.Outcome.Reason)).Distinct()];
        FaultEvent fault = new(requester, records[0], certain, records.Length == 1 ? default : records);
        return state with { Faults = state.Faults with { Events = state.Faults.Events.Add(fault) } };
    }

    /// <summary>Notes that a rule kept a fault from being recorded.</summary>
    public static State Drop(State state, RuleId rule) => state with { Faults = state.Faults with { Dropped = state.Faults.Dropped | rule } };

    /// <summary>The rule by which faults before already decide that one of this requester is never seen, so that it need not be kept.</summary>
    private static RuleId? LostFor(State state, ushort requester)
    {
        int certain = 0;
        foreach (FaultEvent earlier in state.Faults.Events)
        {
            if (earlier.Certain && state.Platform.FaultCompression && earlier.Requester == requester)
                return RuleId.Flt3;
            certain += earlier.Certain ? 1 : 0;
        }
        return !state.Platform.FaultCompression && certain > state.Platform.FaultRecordCount ? RuleId.Flt2 : null;
    }

    // FLT-2  A fault that finds every record pending sets the overflow flag and is lost, as are all after it until software drains.
    [Rule(RuleId.Flt2, "a fault that finds all records pending sets overflow and is lost",
        Source = "VT-d 7.2.1, FSTS.PFO; QEMU vtd_report_dmar_fault")]
    public static bool Overflows(Platform platform, int pendingCount) => pendingCount == platform.FaultRecordCount;

    // FLT-3  With compression a fault of a requester that has a pending record is dropped without setting overflow.
    [Rule(RuleId.Flt3, "with compression a second fault of a requester with a pending record is dropped, without overflow",
        Source = "VT-d 7.2.1; QEMU vtd_try_collapse_fault")]
    public static bool IsCompressed(Platform platform, ReadOnlySpan<FaultRecord> pending, ushort requester)
    {
        foreach (FaultRecord record in pending)
        {
            if (platform.FaultCompression && Requester(record) == requester)
                return true;
        }
        return false;
    }

    // FLT-5  Draining gives the pending records in the order of the faults, clears them and the overflow flag.
    [Rule(RuleId.Flt5, "draining reads the pending records oldest first and leaves none, and no overflow",
        Source = "VT-d 7.2.1; Linux dmar_fault: from FRI while F=1, then PFO")]
    public static Allowed Drain(State state) => new AllowedRecords(state.Platform, state.Faults, state with { Faults = FaultLog.Empty });
}
