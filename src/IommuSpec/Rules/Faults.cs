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

    /// <summary>Appends a fault to those software has not read.</summary>
    public static State Record(State state, int device, AccessKind kind, ulong iova, byte reason, bool certain)
    {
        ushort requester = Platform.RequesterId(device);
        FaultEvent fault = new(requester, Lay(requester, kind, iova, reason), certain);
        return IsLostForSure(state, fault) ? state : state with { Faults = state.Faults with { Events = state.Faults.Events.Add(fault) } };
    }

    /// <summary>Notes a fault that is not recorded.</summary>
    public static State Suppress(State state) => state with { Faults = state.Faults with { Suppressed = true } };

    /// <summary>Whether faults before this one already decide that it is never seen, so that it need not be kept.</summary>
    private static bool IsLostForSure(State state, FaultEvent fault)
    {
        IEnumerable<FaultEvent> certain = state.Faults.Events.Where(earlier => earlier.Certain);
        return state.Platform.FaultCompression
            ? certain.Any(earlier => earlier.Requester == fault.Requester)
            : certain.Count() > state.Platform.FaultRecordCount;
    }

    // FLT-5  Draining gives the pending records in the order of the faults, clears them and the overflow flag.
    [Rule(RuleId.Flt5, "draining reads the pending records oldest first and leaves none, and no overflow",
        Source = "VT-d 7.2.1; Linux dmar_fault: from FRI while F=1, then PFO")]
    public static Allowed Drain(State state)
    {
        State next = state with { Faults = FaultLog.Empty };
        // A fault that a stale context entry may have suppressed was recorded or was not.
        List<ImmutableArray<FaultEvent>> possible = [[]];
        foreach (FaultEvent fault in state.Faults.Events)
            possible = [.. possible.Select(log => log.Add(fault)), .. fault.Certain ? [] : possible];
        return new AllowedRecords([.. possible.Select(log => Drained(state.Platform, log, next))], state.Faults.Suppressed);
    }

    private static Way Drained(Platform platform, ImmutableArray<FaultEvent> log, State next)
    {
        ImmutableArray<FaultEvent> kept = Compress(platform, log);
        bool overflow = Overflows(platform, kept);
        RuleId rule = overflow ? RuleId.Flt2 : RuleId.Flt5;
        RuleSet rules = RuleSet.Of(rule) | (kept.Length < log.Length ? RuleSet.Of(RuleId.Flt3) : RuleSet.None);
        return new(new Observation.Faults([.. kept.Take(platform.FaultRecordCount).Select(fault => fault.Record)], overflow), next, rule, rules);
    }

    // FLT-2  A fault that finds every record pending sets the overflow flag and is lost, as are all after it until software drains.
    [Rule(RuleId.Flt2, "a fault that finds all records pending sets overflow and is lost",
        Source = "VT-d 7.2.1, FSTS.PFO; QEMU vtd_report_dmar_fault")]
    private static bool Overflows(Platform platform, ImmutableArray<FaultEvent> kept) => kept.Length > platform.FaultRecordCount;

    // FLT-3  With compression a fault of a requester that has a pending record is dropped without setting overflow.
    [Rule(RuleId.Flt3, "with compression a second fault of a requester with a pending record is dropped, without overflow",
        Source = "VT-d 7.2.1; QEMU vtd_try_collapse_fault")]
    private static ImmutableArray<FaultEvent> Compress(Platform platform, ImmutableArray<FaultEvent> log)
    {
        if (!platform.FaultCompression)
            return log;
        ImmutableArray<FaultEvent> kept = [];
        foreach (FaultEvent fault in log)
        {
            bool overflowed = Overflows(platform, kept);
            if (overflowed || !kept.Any(earlier => earlier.Requester == fault.Requester))
                kept = overflowed ? kept : kept.Add(fault);
        }
        return kept;
    }
}
