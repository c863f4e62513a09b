using System.Collections.Immutable;
using IommuSpec;

namespace IommuHarness.Corpus;

/// <summary>
/// What a capture's own list of mappings says becomes of an access. Reasons are the codes of VT-d's table
/// (VT-d 7.1.3), written down here once more: this is the third opinion.
/// </summary>
internal sealed class GroundTruth
{
    private const byte BeyondWidth = 0x04, NoWrite = 0x05, NoRead = 0x06, IntoWindow = 0x0e;
    private const byte NotPresent = 0x71, NotCanonical = 0x80, FirstStageNoWrite = 0x85, FirstStageIntoWindow = 0x87;
    private const ulong WindowFirst = 0xfee0_0000, WindowLast = 0xfeef_ffff;

    private readonly CaptureSpace? _space;
    private readonly ImmutableArray<CaptureMapping> _runs;
    private readonly int _inputBits;

    /// <param name="capture">Where the device is.</param>
    /// <param name="space">The space it translates through; null for pass-through.</param>
    public GroundTruth(Capture capture, CaptureSpace? space)
    {
        _space = space;
        _runs = space is null ? [] : [.. space.Mappings.OrderBy(m => m.Iova)];
        int tableBits = space is null ? 64 : 12 + (9 * space.LevelCount);
        int iovaBits = capture.Registers.Capability.IovaBits;
        _inputBits = space is null ? Math.Min(capture.PhysicalBits, iovaBits) : IsFirstStage ? tableBits : Math.Min(tableBits, iovaBits);
    }

    private bool IsFirstStage => _space?.Format == TableFormat.X86FirstStage;

    /// <summary>What one byte's access must become.</summary>
    public Outcome At(ulong iova, AccessKind kind)
    {
        bool isWrite = kind == AccessKind.Write;
        if (isWrite && iova is >= WindowFirst and <= WindowLast)
            return Outcome.Interrupt;
        if (!IsInput(iova))
            return Outcome.Faulted(IsFirstStage ? NotCanonical : BeyondWidth);
        if (_space is null)
            return Lands(iova);
        if (Find(iova) is not { } run)
            return Outcome.Faulted(IsFirstStage ? NotPresent : isWrite ? NoWrite : NoRead);
        if (!run.Rights.HasFlag(isWrite ? Rights.Write : Rights.Read))
            return Outcome.Faulted(IsFirstStage ? FirstStageNoWrite : isWrite ? NoWrite : NoRead);
        return Lands(run.Physical + (iova - run.Iova));
    }

    private Outcome Lands(ulong physical) =>
        physical is >= WindowFirst and <= WindowLast ? Outcome.Faulted(IsFirstStage ? FirstStageIntoWindow : IntoWindow) : Outcome.Landed(physical);

    private bool IsInput(ulong iova) =>
        IsFirstStage ? (iova >> (_inputBits - 1)) is var top && (top == 0 || top == ulong.MaxValue >> (_inputBits - 1))
        : _inputBits >= 64 || iova >> _inputBits == 0;

    private CaptureMapping? Find(ulong iova)
    {
        int low = 0, high = _runs.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _runs[middle].Iova <= iova ? (middle + 1, high) : (low, middle);
        }
        return low > 0 && iova - _runs[low - 1].Iova < _runs[low - 1].Length ? _runs[low - 1] : null;
    }
}
