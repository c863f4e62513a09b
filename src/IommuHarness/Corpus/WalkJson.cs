using System.Globalization;
using System.Text.Json;
using IommuHarness.Coverage;
using IommuHarness.Report;
using IommuSpec;
using IommuSpec.Rules;

namespace IommuHarness.Corpus;

/// <summary>Captures as JSON. Addresses and sizes are strings of hexadecimal digits after 0x.</summary>
public static class WalkJson
{
    /// <summary>What a capture holds, and its devices.</summary>
    public static string Devices(Capture capture) => JsonText.Object(json =>
    {
        json.WriteString("capture", capture.Name);
        json.WriteString("note", capture.Note);
        json.WriteString("kernel", capture.Kernel);
        json.WriteString("mode", capture.IsScalable ? "scalable" : "legacy");
        json.WriteString("root_table", Hex(capture.RootTable));
        json.Objects("devices", capture.Devices, (part, device) => Device(part, device, capture.SpaceOf(device)));
    });

    /// <summary>What a device's tables map, run by run.</summary>
    public static string Mappings(Capture capture, CaptureWalk walk) => JsonText.Object(json =>
    {
        json.WriteString("capture", capture.Name);
        json.Object("device", part => Device(part, walk.Device, walk.Space));
        json.Objects("mappings", walk.Contents()?.Leaves ?? [], (part, run) =>
        {
            part.WriteString("iova", Hex(run.Iova));
            part.WriteString("length", Hex(run.Length));
            part.WriteString("physical", Hex(run.Physical));
            part.WriteString("rights", WalkText.RightsText(run.Rights));
            part.WriteString("page", Hex(run.PageSize));
        });
    });

    /// <summary>The walk of one address, level by level.</summary>
    public static string Walk(Capture capture, CaptureWalk walk, ulong iova) => JsonText.Object(json =>
    {
        json.WriteString("capture", capture.Name);
        json.Object("device", part => Device(part, walk.Device, walk.Space));
        json.WriteString("iova", Hex(iova));
        json.Objects("context", walk.Context.Steps, Entry);
        json.Objects("walk", walk.Steps(iova, WalkText.Shown(walk, iova)), (part, step) =>
        {
            part.WriteNumber("level", step.Level);
            Entry(part, step);
        });
        json.Object("read", part => WriteOutcome(part, walk.At(iova, AccessKind.Read)));
        json.Object("write", part => WriteOutcome(part, walk.At(iova, AccessKind.Write)));
    });

    private static void Device(Utf8JsonWriter json, CaptureDevice device, CaptureSpace? space)
    {
        json.WriteString("device", device.Name);
        json.WriteString("requester", Hex(device.Requester));
        json.WriteString("driver", device.Driver);
        json.WriteString("attach", device.Attach);
        json.WriteNumber("domain_id", device.DomainId);
        json.WriteString("tables", space is null ? null : WalkText.FormatName(space.Format));
        json.WriteNumber("levels", space?.LevelCount ?? 0);
        json.WriteString("mapped", Hex(space?.MappedBytes ?? 0));
    }

    private static void Entry(Utf8JsonWriter json, WalkStep step)
    {
        json.WriteString("address", Hex(step.EntryAddress));
        json.WriteString("entry", Hex(step.Entry));
        json.WriteString("meaning", step.Meaning);
    }

    private static void WriteOutcome(Utf8JsonWriter json, Outcome outcome)
    {
        json.WriteString("outcome", outcome.Kind switch { OutcomeKind.Landed => "landed", OutcomeKind.Interrupt => "interrupt", _ => "faulted" });
        json.WriteString("physical", outcome.Kind == OutcomeKind.Landed ? Hex(outcome.Physical) : null);
        json.WriteNumber("reason", outcome.Reason);
        json.WriteString("name", outcome.Kind == OutcomeKind.Faulted ? FaultReasons.Name(outcome.Reason) : null);
    }

    private static string Hex(ulong value) => string.Create(CultureInfo.InvariantCulture, $"0x{value:x}");
}
