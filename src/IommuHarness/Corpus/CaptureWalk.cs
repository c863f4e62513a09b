using System.Collections.Immutable;
using IommuHarness.Trace;
using IommuSpec;
using IommuSpec.Rules;

namespace IommuHarness.Corpus;

/// <summary>What a capture's memory says about one device, as the specification reads it.</summary>
/// <param name="Device">The device.</param>
/// <param name="Space">Its tables as the capture lists them; null for pass-through.</param>
/// <param name="Platform">Format and widths.</param>
/// <param name="Context">Which tables its context entry names, with the entries read; in scalable mode the capture names them.</param>
public sealed record CaptureWalk(CaptureDevice Device, CaptureSpace? Space, Platform Platform, ContextResult Context)
{
    private SpecSide Spec { get; init; } = null!;

    /// <summary>Prepares to walk a device's tables.</summary>
    /// <exception cref="InputException">The capture is of scalable mode and has no tables for the device: no rule reads its context yet.</exception>
    public static CaptureWalk Of(Capture capture, CaptureDevice device)
    {
        CaptureSpace? space = capture.SpaceOf(device);
        if (capture.IsScalable && space is null)
            throw new InputException(capture.FileName, 0, 0, $"page tables of {device.Name}", $"{device.Attach} in scalable mode");
        Platform platform = capture.IsScalable ? capture.SpacePlatform(space!) : capture.LegacyPlatform;
        var spec = new SpecSide(platform, capture.Memory, capture.RootTable);
        ContextResult context = spec.Context(new WalkStart(device.Requester, capture.IsScalable ? space!.Root : null, device.DomainId));
        return new CaptureWalk(device, space, platform, context) { Spec = spec };
    }

    /// <summary>The device of a capture that has a name; "0000:" in front may be left out.</summary>
    /// <exception cref="InputException">There is none.</exception>
    public static CaptureDevice Find(Capture capture, string name) =>
        capture.Devices.FirstOrDefault(d => d.Name == name || d.Name == "0000:" + name)
        ?? throw new InputException("--device", 0, 0, $"a device of {capture.Name} ({string.Join(", ", capture.Devices.Select(d => d.Name))})", name);

    /// <summary>Everything the device's tables map; null for pass-through, or where its context entry stops every access.</summary>
    public TableContents? Contents() =>
        Context.Fault is null && !Context.PassThrough
            ? TableContents.Read(Platform with { LevelCount = Context.LevelCount }, Context.LevelCount, Context.Root, Spec.ReadWord)
            : null;

    /// <summary>What becomes of one byte's access.</summary>
    public Outcome At(ulong iova, AccessKind kind) => Spec.At(Context, iova, kind).Outcome;

    /// <summary>The table entries that an access reads, from the root down.</summary>
    public ImmutableArray<WalkStep> Steps(ulong iova, AccessKind kind) => Spec.TableSteps(Context, iova, kind);
}
