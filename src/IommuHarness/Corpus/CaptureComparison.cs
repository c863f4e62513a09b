using System.Collections.Immutable;
using IommuSpec;

namespace IommuHarness.Corpus;

/// <summary>
/// Whether tables that a recording ends with can be those of a capture. A recording and a capture of one name may come from two boots of the
/// same machine; then memory is handed out otherwise, but who shares a domain, and the firmware's direct maps, are the same.
/// </summary>
internal static class CaptureComparison
{
    /// <summary>Explains how the tables after a replay stand to a capture.</summary>
    public static (CaptureMatch Match, string Explanation) Explain(Recording recording, ImmutableArray<DeviceReplay> devices, Capture capture)
    {
        ImmutableArray<DeviceReplay> compared = [.. devices.Where(d => d.Capture is not null)];
        if (Sharing(recording, capture) is { } unlike)
            return (CaptureMatch.Differs, unlike);
        if (compared.All(d => d.Capture!.Value.IsEqual))
            return (CaptureMatch.Equal, "every device's tables mean the same as in the capture");
        ImmutableArray<DeviceReplay> buffers = [.. compared.Where(d => Movable(d, capture) > 0)];
        int moved = buffers.Count(d => d.Capture!.Value.Elsewhere * 2 > Movable(d, capture));
        if (moved * 2 > buffers.Length)
            return BrokenDirectMap(compared, capture) is { } broken
                ? (CaptureMatch.Differs, broken)
                : (CaptureMatch.OtherBoot, $"the recording comes from another boot than the capture: {moved} of {buffers.Length} devices with buffers have most of them elsewhere in memory; shared domains and direct maps are equal{Lost(compared, capture)}");
        return capture.Truth.MissedProbeHits > 0
            ? (CaptureMatch.LostCalls, $"the capture's record of kernel calls lost {capture.Truth.MissedProbeHits} events")
            : (CaptureMatch.Differs, "the tables differ from the capture's");
    }

    /// <summary>Each device's last domain, by slots.</summary>
    public static ImmutableArray<int> DomainsOf(Recording recording)
    {
        int[] domains = new int[recording.DeviceNames.Length];
        foreach (Op.Attach attach in recording.Calls.Select(c => c.Op).OfType<Op.Attach>())
            domains[attach.Device] = attach.Domain;
        return [.. domains];
    }

    // The VFIO program maps the same addresses with the same rights in every boot.
    private static string Lost(ImmutableArray<DeviceReplay> devices, Capture capture) => string.Concat(
        from device in devices
        where capture.Truth.Program.Any(container => container.Devices.Contains(device.Device))
        let lost = device.Capture!.Value.OnlySecond
        where lost > 0
        select $"; of what the VFIO program mapped for {device.Device}, 0x{lost:x} bytes have no call in the recording");

    private static string? Sharing(Recording recording, Capture capture)
    {
        ImmutableArray<int> domains = DomainsOf(recording);
        var known = recording.DeviceNames
            .Select((name, slot) => (Name: name, Domain: domains[slot], capture.Devices.FirstOrDefault(d => d.Name == name)?.Space))
            .Where(d => d.Space is not null).ToImmutableArray();
        foreach (var a in known)
            foreach (var b in known)
                if ((a.Domain == b.Domain) != (a.Space == b.Space))
                    return $"{a.Name} and {b.Name} share a domain in {(a.Domain == b.Domain ? "the calls" : "the capture")} only";
        return null;
    }

    private static ulong Direct(string device, Capture capture) =>
        Mappings(device, capture).Where(m => m.Iova == m.Physical).Aggregate(0UL, (sum, m) => sum + m.Length);

    // What both map, less what is mapped to itself.
    private static ulong Movable(DeviceReplay device, Capture capture) =>
        device.Capture!.Value is var c && c.Same + c.Elsewhere + c.OtherRights is var common && common > Direct(device.Device, capture)
            ? common - Direct(device.Device, capture)
            : 0;

    private static string? BrokenDirectMap(ImmutableArray<DeviceReplay> devices, Capture capture) =>
        devices.FirstOrDefault(d => d.Capture!.Value.Same < Direct(d.Device, capture)) is { } broken
            ? $"direct maps of {broken.Device} differ from the capture's"
            : null;

    private static ImmutableArray<CaptureMapping> Mappings(string device, Capture capture) =>
        capture.Devices.FirstOrDefault(d => d.Name == device) is { } captured && capture.SpaceOf(captured) is { } space ? space.Mappings : [];
}
