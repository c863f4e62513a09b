using System.Collections.Immutable;
using IommuHarness.Check;
using IommuHarness.Targets;
using IommuImpl;
using IommuHarness.Trace;
using IommuSpec;
using Platform = IommuSpec.Platform;
using Rights = IommuSpec.Rights;

namespace IommuHarness.Corpus;

/// <summary>A recorded call that the implementation answers otherwise than the kernel did.</summary>
public sealed record RefusedCall(int Line, string Call, string Kernel, string Implementation);

/// <summary>What a device's tables mean after a replay, beside what the specification and the capture say.</summary>
/// <param name="Device">The device's name.</param>
/// <param name="MappedBytes">What the replayed tables map.</param>
/// <param name="MeansTheCalls">Whether the tables map exactly what the calls asked for, by the specification.</param>
/// <param name="Capture">The tables (first) beside the capture (second); null where the capture has no tables for the device.</param>
public sealed record DeviceReplay(string Device, ulong MappedBytes, bool MeansTheCalls, RunComparison? Capture);

/// <summary>How the tables after a replay stand to the capture of the same name.</summary>
public enum CaptureMatch
{
    /// <summary>There is no capture to compare with.</summary>
    None,

    /// <summary>Every device's tables mean the same.</summary>
    Equal,

    /// <summary>The recording comes from another boot: what cannot depend on the boot is equal, buffers lie elsewhere.</summary>
    OtherBoot,

    /// <summary>The capture's own record says that calls were lost.</summary>
    LostCalls,

    /// <summary>They differ, and nothing explains it.</summary>
    Differs,
}

/// <summary>A recording run on the implementation.</summary>
/// <param name="CallCount">Calls made in one round.</param>
/// <param name="CallsPerSecond">Over many rounds.</param>
/// <param name="Refused">Calls answered otherwise than by the kernel.</param>
/// <param name="Devices">By device slot.</param>
/// <param name="TableCount">Page tables in use at the end, roots not counted.</param>
/// <param name="Match">How the end stands to the capture.</param>
/// <param name="Explanation">Why, one sentence.</param>
public sealed record ReplayResult(
    int CallCount, double CallsPerSecond, ImmutableArray<RefusedCall> Refused, ImmutableArray<DeviceReplay> Devices, int TableCount,
    CaptureMatch Match, string Explanation)
{
    /// <summary>Whether the implementation's tables mean what the calls asked for, and nothing about the capture is unexplained.</summary>
    public bool IsRight => Devices.All(d => d.MeansTheCalls) && Match != CaptureMatch.Differs;
}

/// <summary>Runs recorded kernel calls on the implementation and compares the tables that it ends with.</summary>
public static class CallsReplay
{
    // One recording takes less than a millisecond: repeated until the figure means something.
    private const int RoundCount = 50;

    /// <summary>Runs a recording.</summary>
    /// <param name="recording">The calls.</param>
    /// <param name="platform">What was declared about the kernel's driver.</param>
    /// <param name="capture">The tables that the kernel ended with; null where unknown.</param>
    public static ReplayResult Run(Recording recording, Platform platform, Capture? capture)
    {
        IommuOptions options = ImplNames.Options(platform);
        using var iommu = new Iommu(options);
        var refused = ImmutableArray.CreateBuilder<RefusedCall>();
        // The first round is not timed: it compiles the code as well.
        Round(iommu, recording, refused);
        TimeSpan start = Clock.Now;
        for (int round = 0; round < RoundCount; round++)
        {
            iommu.Reset(options);
            Round(iommu, recording, refused: null);
        }
        TimeSpan elapsed = Clock.Now - start;
        ImmutableArray<DeviceReplay> devices = Devices(iommu, recording, platform, capture);
        (CaptureMatch match, string why) = capture is null
            ? (CaptureMatch.None, "there is no capture to compare with")
            : CaptureComparison.Explain(recording, devices, capture);
        return new ReplayResult(
            recording.Calls.Length, (double)recording.Calls.Length * RoundCount / Math.Max(elapsed.TotalSeconds, 1e-9),
            refused.ToImmutable(), devices, iommu.TablesInUse, match, why);
    }

    private static void Round(Iommu iommu, Recording recording, ImmutableArray<RefusedCall>.Builder? refused)
    {
        foreach (RecordedCall call in recording.Calls)
        {
            Status status = Make(iommu, call.Op, out ulong unmapped);
            ulong expected = call.Seen is Observation.Unmapped removed ? removed.Length : 0;
            bool agrees = call.Seen is Observation.Refused ? status != Status.Done : status == Status.Done && unmapped == expected;
            if (!agrees)
                refused?.Add(new RefusedCall(call.Line, OpText.Write(call.Op), ObservationText.Write(call.Seen), $"{status}{(unmapped > 0 ? $" 0x{unmapped:x}" : "")}"));
        }
    }

    // The kernel's unmap waits for its invalidation before it returns (Linux iommu_unmap).
    private static Status Make(Iommu iommu, Op op, out ulong unmapped)
    {
        unmapped = 0;
        switch (op)
        {
            case Op.Map map:
                return iommu.Map(map.Domain, map.Iova, map.Length, map.Physical, ImplNames.Rights(map.Rights));
            case Op.Unmap unmap:
                Status status = iommu.Unmap(unmap.Domain, unmap.Iova, unmap.Length, out unmapped);
                return status == Status.Done && unmapped > 0 ? iommu.Invalidate(unmap.Domain, unmap.Iova, unmapped) : status;
            case Op.Attach attach:
                return iommu.Attach((ushort)attach.Device, attach.Domain);
            case Op.FreeDomain free:
                return iommu.FreeDomain(free.Domain);
            default:
                throw new InvalidOperationException($"a recording holds {op}");
        }
    }

    private static ImmutableArray<DeviceReplay> Devices(Iommu iommu, Recording recording, Platform platform, Capture? capture)
    {
        State end = CallsJudge.Judge(recording, platform).End;
        ImmutableArray<int> domains = CaptureComparison.DomainsOf(recording);
        return
        [
            .. recording.DeviceNames.Select((name, device) =>
            {
                ImmutableArray<CaptureMapping> tables = Tables(iommu, platform, domains[device]);
                CaptureDevice? captured = capture?.Devices.FirstOrDefault(d => d.Name == name);
                CaptureSpace? space = captured is null ? null : capture!.SpaceOf(captured);
                return new DeviceReplay(
                    name,
                    tables.Aggregate(0UL, (sum, run) => sum + run.Length),
                    tables.SequenceEqual(Asked(end, platform, domains[device])),
                    space is null ? null : RunComparison.Of(tables, [.. space.Mappings.OrderBy(m => m.Iova)]));
            }),
        ];
    }

    /// <summary>What a domain's tables in the implementation's memory map, as the specification reads them.</summary>
    internal static ImmutableArray<CaptureMapping> Tables(Iommu iommu, Platform platform, int domain) =>
        iommu.TryGetRoot(domain, out ulong root)
            ? TableContents.Merge(TableContents.Read(platform, platform.LevelCount, root, iommu.Memory.ReadWord).Leaves, keepPageSize: false)
            : [];

    /// <summary>What a domain maps by the specification.</summary>
    internal static ImmutableArray<CaptureMapping> Asked(State end, Platform platform, int domain) =>
        TableContents.Merge(
            end.Domain(domain).Mapped.Select(m => new CaptureMapping(
                m.Range.First, m.Range.Length, m.Physical, Widened(m.Rights & (Rights.Read | Rights.Write), platform), Platform.Granule)),
            keepPageSize: false);

    private static Rights Widened(Rights rights, Platform platform) =>
        platform.WidenWriteOnly || platform.Format == IommuSpec.TableFormat.X86FirstStage ? rights | Rights.Read : rights;
}
