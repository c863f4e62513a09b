using System.Collections.Immutable;

namespace IommuHarness.Targets.Qemu;

/// <summary>Every kind of machine, by the name after "qemu:". Drivers know what they last told their emulator: each emulator has its own.</summary>
internal static class QemuMachines
{
    private const string Scalable = ",x-scalable-mode=on";

    public static readonly ImmutableSortedDictionary<string, Func<ImmutableArray<QemuMachine>>> Kinds =
        new Dictionary<string, Func<ImmutableArray<QemuMachine>>>
        {
            ["intel-iommu"] = () =>
            [
                new VtdLegacy("legacy"),
                new VtdLegacy("legacy-39", ",aw-bits=39", 39),
                new VtdLegacy("legacy-caching-mode", ",caching-mode=on"),
                new VtdLegacy("legacy-rich", ",device-iotlb=on,stale-tm=on,snoop-control=on"),
                new VtdLegacy("legacy-plain", ",pt=off,aw-bits=39,caching-mode=on", 39),
            ],
            ["intel-iommu-scalable"] = () =>
            [
                new VtdScalable("scalable-ss4", Scalable, 4, firstStage: false),
                new VtdScalable("scalable-ss3", Scalable, 3, firstStage: false),
                new VtdScalable("scalable-ss4-caching-mode", Scalable + ",caching-mode=on", 4, firstStage: false),
            ],
            ["intel-iommu-flts"] = () =>
            [
                new VtdScalable("flts-fs4", Scalable + ",x-flts=on", 4, firstStage: true),
                new VtdScalable("flts-fs4-no1g", Scalable + ",x-flts=on,fs1gp=off", 4, firstStage: true),
            ],
        }.ToImmutableSortedDictionary(StringComparer.Ordinal);
}
