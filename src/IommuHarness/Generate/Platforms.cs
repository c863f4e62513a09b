using System.Collections.Immutable;
using IommuSpec;

namespace IommuHarness.Generate;

/// <summary>A platform with the name it is asked for by. The name is for people: no rule and no choice depends on it.</summary>
public sealed record NamedPlatform(string Name, Platform Platform);

/// <summary>The platforms that a run without a choice of its own goes through.</summary>
public static class Platforms
{
    /// <summary>All of them, software level first. Each row differs from its neighbours in a capability that checks depend on.</summary>
    public static readonly ImmutableArray<NamedPlatform> All =
    [
        // second-stage tables behind map and unmap
        new("kernel-ss4", new()),
        new("kernel-ss3", new() { LevelCount = 3 }),
        new("kernel-ss5", new() { LevelCount = 5 }),
        new("kernel-ss5-wide", new() { LevelCount = 5, PhysicalBits = 52, IovaBits = 64 }),
        new("kernel-ss4-caching-mode", new() { CachingMode = true }),
        new("kernel-ss4-4k", new() { Pages2M = false, Pages1G = false }),
        new("kernel-ss4-2m", new() { Pages1G = false }),
        new("kernel-ss4-narrow", new() { PhysicalBits = 36, IovaBits = 39 }),
        new("kernel-ss4-keep-tables", new() { ReclaimTables = false }),
        new("kernel-split", new() { Unmap = UnmapPolicy.Split, PromoteSuperpages = true }),
        new("vfio-type1v2", new()
        {
            Contract = Contract.Vfio, Unmap = UnmapPolicy.WholeMapping, InterruptWindowReserved = true, WidenWriteOnly = true,
        }),
        new("iommufd", new() { Contract = Contract.Iommufd, Unmap = UnmapPolicy.Area, InterruptWindowReserved = true }),
        new("tiny-log", new() { FaultRecordCount = 1, FaultCompression = true }),
        new("two-record-log", new() { FaultRecordCount = 2 }),

        // first-stage tables behind map and unmap
        new("kernel-fs4", new() { Format = TableFormat.X86FirstStage }),
        new("kernel-fs5", new() { Format = TableFormat.X86FirstStage, LevelCount = 5 }),
        new("kernel-fs4-small", new() { Format = TableFormat.X86FirstStage, Pages1G = false, NoExecute = false, PhysicalBits = 39 }),
        new("kernel-fs4-split", new() { Format = TableFormat.X86FirstStage, Unmap = UnmapPolicy.Split, CachingMode = true }),

        // VT-d root and context entries in memory
        new("vtd-legacy", new() { Contexts = ContextMode.VtdLegacy }),
        new("vtd-legacy-rich", new() { Contexts = ContextMode.VtdLegacy, SnoopControl = true, DeviceTlb = true }),
        new("vtd-legacy-caching-mode", new() { Contexts = ContextMode.VtdLegacy, CachingMode = true, FaultRecordCount = 2 }),
        new("vtd-legacy-narrow", new() { Contexts = ContextMode.VtdLegacy, PhysicalBits = 36, IovaBits = 39 }),
        new("vtd-legacy-39", new()
        {
            Contexts = ContextMode.VtdLegacy, SupportedWidths = 0b00010, Pages1G = false, PassThrough = false, PhysicalBits = 39,
        }),
        new("vtd-legacy-tiny-log", new()
        {
            Contexts = ContextMode.VtdLegacy, SupportedWidths = 0b01100, Pages2M = false, Pages1G = false,
            FaultRecordCount = 1, FaultCompression = true,
        }),

        // tables in memory, the root named by the program operation
        new("raw-ss3", new() { Contexts = ContextMode.Direct, LevelCount = 3 }),
        new("raw-ss4", new() { Contexts = ContextMode.Direct }),
        new("raw-ss4-rich", new() { Contexts = ContextMode.Direct, SnoopControl = true, DeviceTlb = true, CachingMode = true }),
        new("raw-ss5", new() { Contexts = ContextMode.Direct, LevelCount = 5, Pages1G = false, PhysicalBits = 52 }),
        new("raw-fs4", new() { Contexts = ContextMode.Direct, Format = TableFormat.X86FirstStage }),
        new("raw-fs4-plain", new()
        {
            Contexts = ContextMode.Direct, Format = TableFormat.X86FirstStage, NoExecute = false, Pages1G = false, PhysicalBits = 36,
        }),
        new("raw-fs5", new() { Contexts = ContextMode.Direct, Format = TableFormat.X86FirstStage, LevelCount = 5, PhysicalBits = 52 }),
    ];

    /// <summary>The platform of that name; null where there is none.</summary>
    public static NamedPlatform? Find(string name)
    {
        foreach (NamedPlatform row in All)
        {
            if (row.Name == name)
                return row;
        }

        return null;
    }
}
