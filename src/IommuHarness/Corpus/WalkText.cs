using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using IommuHarness.Coverage;
using IommuSpec;
using IommuSpec.Formats;
using IommuSpec.Rules;

namespace IommuHarness.Corpus;

/// <summary>Captures in words for a person.</summary>
public static class WalkText
{
    /// <summary>What a capture holds, and its devices.</summary>
    public static string Devices(Capture capture)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{capture.Name}: {capture.Note}\n{capture.Kernel}\n");
        text.Append(CultureInfo.InvariantCulture, $"{(capture.IsScalable ? "scalable" : "legacy")} mode, root table at 0x{capture.RootTable:x}; physical addresses have {capture.PhysicalBits} bits, input addresses {capture.Registers.Capability.IovaBits}\n\n");
        text.Append(CultureInfo.InvariantCulture, $"{"device",-13} {"driver",-11} {"tables",-13} {"levels",6} {"domain id",9} {"mapped",10} {"runs",6}\n");
        foreach (CaptureDevice device in capture.Devices)
        {
            CaptureSpace? space = capture.SpaceOf(device);
            text.Append(CultureInfo.InvariantCulture, $"{device.Name,-13} {(device.Driver.Length > 0 ? device.Driver : "-"),-11} ");
            text.Append(space is null
                ? $"{device.Attach}\n"
                : string.Create(CultureInfo.InvariantCulture, $"{FormatName(space.Format),-13} {space.LevelCount,6} {device.DomainId,9} {Bytes(space.MappedBytes),10} {space.Mappings.Length,6}\n"));
        }
        return text.Append("\n--device NAME shows what a device's tables map; with --iova ADDRESS how one address is walked.\n").ToString();
    }

    /// <summary>What a device's tables map, run by run.</summary>
    public static string Mappings(Capture capture, CaptureWalk walk)
    {
        var text = new StringBuilder(Head(capture, walk));
        if (walk.Contents() is not { } contents)
            return text.ToString();
        ulong bytes = contents.Leaves.Aggregate(0UL, (sum, run) => sum + run.Length);
        text.Append(CultureInfo.InvariantCulture, $"{Bytes(bytes)} mapped in {contents.Leaves.Length} runs of pages, by {contents.Tables.Length} tables\n\n");
        text.Append(CultureInfo.InvariantCulture, $"{"first IOVA",18} {"last IOVA",18} {"physical address",18} {"size",10}  rights  pages\n");
        foreach (CaptureMapping run in contents.Leaves)
            text.Append(CultureInfo.InvariantCulture, $"{Hex(run.Iova),18} {Hex(run.Iova + (run.Length - 1)),18} {Hex(run.Physical),18} {Bytes(run.Length),10}  {RightsText(run.Rights),-6}  {run.Length / run.PageSize} x {Bytes(run.PageSize)}\n");
        return text.ToString();
    }

    /// <summary>The walk of one address, level by level.</summary>
    public static string Walk(Capture capture, CaptureWalk walk, ulong iova)
    {
        var text = new StringBuilder(Head(capture, walk));
        text.Append(CultureInfo.InvariantCulture, $"\naddress {Hex(iova)}\n");
        foreach (WalkStep step in walk.Context.Steps)
            text.Append(CultureInfo.InvariantCulture, $"  {step.Meaning,-24} at {Hex(step.EntryAddress),-14} = {Hex(step.Entry)}\n");
        AccessKind shown = Shown(walk, iova);
        foreach (WalkStep step in walk.Steps(iova, shown))
        {
            int low = PageTableFormat.SpanLg2(step.Level);
            text.Append(CultureInfo.InvariantCulture, $"  level {step.Level}, IOVA bits {low + PageTableFormat.IndexBits - 1}:{low} = {Hex((step.EntryAddress & (Platform.Granule - 1)) / 8),-5}");
            text.Append(CultureInfo.InvariantCulture, $" at {Hex(step.EntryAddress),-14} = {Hex(step.Entry)}: {step.Meaning}\n");
        }
        text.Append(CultureInfo.InvariantCulture, $"a read {OutcomeText(walk.At(iova, AccessKind.Read))}\n");
        return text.Append(CultureInfo.InvariantCulture, $"a write {OutcomeText(walk.At(iova, AccessKind.Write))}\n").ToString();
    }

    /// <summary>Which access's walk says more: a read's, unless only a write gets through.</summary>
    internal static AccessKind Shown(CaptureWalk walk, ulong iova) =>
        walk.At(iova, AccessKind.Read).Kind == OutcomeKind.Faulted && walk.At(iova, AccessKind.Write).Kind == OutcomeKind.Landed ? AccessKind.Write : AccessKind.Read;

    internal static string FormatName(TableFormat format) => format == TableFormat.VtdSecondStage ? "second stage" : "first stage";

    internal static string RightsText(Rights rights) => (rights.HasFlag(Rights.Read) ? "r" : "-") + (rights.HasFlag(Rights.Write) ? "w" : "-");

    private static string OutcomeText(Outcome outcome) => outcome.Kind switch
    {
        OutcomeKind.Landed => $"lands at {Hex(outcome.Physical)}",
        OutcomeKind.Interrupt => "is an interrupt request: it is not translated",
        _ => $"faults with reason {Hex(outcome.Reason)}, {FaultReasons.Name(outcome.Reason)}",
    };

    private static string Head(Capture capture, CaptureWalk walk)
    {
        CaptureDevice device = walk.Device;
        string driver = device.Driver.Length > 0 ? $", driver {device.Driver}" : "";
        string tables = walk.Context.Fault is { } fault ? $"its context entry stops every access with reason {Hex(fault)}, {FaultReasons.Name(fault)}"
            : walk.Context.PassThrough ? "pass-through: it reaches the physical addresses that it names"
            : $"{FormatName(walk.Platform.Format)} tables of {walk.Context.LevelCount} levels, root at {Hex(walk.Context.Root)}";
        return string.Create(CultureInfo.InvariantCulture, $"{capture.Name}, device {device.Name}{driver}: requester id {Hex(device.Requester)}, domain id {walk.Context.DomainId}\n{tables}\n");
    }

    private static string Hex(ulong value) => string.Create(CultureInfo.InvariantCulture, $"0x{value:x}");

    private static readonly ImmutableArray<(int Lg2, string Unit)> Units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];

    private static string Bytes(ulong bytes)
    {
        foreach ((int lg2, string unit) in Units)
            if (bytes >= 1UL << lg2)
                return (bytes & Bits.Mask(lg2)) == 0
                    ? string.Create(CultureInfo.InvariantCulture, $"{bytes >> lg2} {unit}")
                    : string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1UL << lg2):0.0} {unit}");
        return string.Create(CultureInfo.InvariantCulture, $"{bytes} B");
    }
}
