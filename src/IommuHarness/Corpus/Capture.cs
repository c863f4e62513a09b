using System.Collections.Immutable;
using IommuSpec;

namespace IommuHarness.Corpus;

/// <summary>
/// The memory of an IOMMU's structures as a real kernel's driver left it, and what it must mean. Source: corpus/captures/README.md.
/// </summary>
/// <param name="FileName">The file's name without its directory, for messages.</param>
/// <param name="Name">The capture's own name.</param>
/// <param name="Note">What was set up, one line.</param>
/// <param name="Kernel">The kernel that built the tables.</param>
/// <param name="Registers">The IOMMU's registers when the machine was stopped.</param>
/// <param name="PhysicalBits">Host address width in bits.</param>
/// <param name="Memory">The captured pages.</param>
/// <param name="Spaces">Every distinct set of page tables.</param>
/// <param name="Devices">Every device that has an entry, in the file's order.</param>
/// <param name="Truth">What is known about the mappings from elsewhere.</param>
public sealed record Capture(
    string FileName,
    string Name,
    string Note,
    string Kernel,
    CaptureRegisters Registers,
    int PhysicalBits,
    CaptureMemory Memory,
    ImmutableArray<CaptureSpace> Spaces,
    ImmutableArray<CaptureDevice> Devices,
    CaptureTruth Truth)
{
    /// <summary>Whether root and context entries have the scalable-mode layout (RTADDR_REG bits 11:10 = 1).</summary>
    public bool IsScalable => Bits.Field(Registers.RootTable, 11, 10) == 1;

    /// <summary>Physical address of the root table (RTADDR_REG bits 63:12).</summary>
    public ulong RootTable => Registers.RootTable & ~Bits.Mask(Platform.GranuleLg2);

    /// <summary>The space a device translates through; null where it has none (pass-through).</summary>
    public CaptureSpace? SpaceOf(CaptureDevice device) => Spaces.FirstOrDefault(s => s.Id == device.Space);

    /// <summary>The platform whose devices find their tables through the captured root and context entries.</summary>
    public Platform LegacyPlatform => Base with { Contexts = ContextMode.VtdLegacy };

    /// <summary>The platform of a space's tables, its root named directly.</summary>
    public Platform SpacePlatform(CaptureSpace space) => Base with
    {
        Contexts = ContextMode.Direct,
        Format = space.Format,
        LevelCount = space.LevelCount,
        Pages2M = space.Format == TableFormat.X86FirstStage || Base.Pages2M,
        Pages1G = space.Format == TableFormat.X86FirstStage ? Registers.Capability.FirstStage1G : Base.Pages1G,
        NoExecute = Devices.Any(d => d.Space == space.Id && d.NoExecute),
    };

    /// <summary>The platform of the kernel calls that built a space's kind of tables.</summary>
    public Platform SoftwarePlatform(CaptureSpace space) => SpacePlatform(space) with
    {
        Contexts = ContextMode.Software,
        Contract = Contract.Kernel,
        Unmap = UnmapPolicy.Leaf,
        WidenWriteOnly = Truth.WidenedFormats.Contains(space.Format),
    };

    // Capability bits: VT-d CAP_REG and ECAP_REG.
    private Platform Base => new()
    {
        Pages2M = Registers.Capability.SecondStage2M,
        Pages1G = Registers.Capability.SecondStage1G,
        PhysicalBits = PhysicalBits,
        IovaBits = Registers.Capability.IovaBits,
        CachingMode = Registers.Capability.CachingMode,
        SnoopControl = Registers.Capability.SnoopControl,
        DeviceTlb = Registers.Capability.DeviceTlb,
        PassThrough = Registers.Capability.PassThrough,
        SupportedWidths = Registers.Capability.SupportedWidths,
        FaultRecordCount = Registers.Capability.FaultRecordCount,
    };
}

/// <summary>VT-d registers as read.</summary>
/// <param name="Capability">CAP_REG and ECAP_REG.</param>
/// <param name="RootTable">RTADDR_REG, mode bits included.</param>
public sealed record CaptureRegisters(VtdCapability Capability, ulong RootTable);

/// <summary>The fields of CAP_REG and ECAP_REG that say how tables are read. Source: VT-d CAP_REG, ECAP_REG.</summary>
public readonly record struct VtdCapability(ulong Cap, ulong Ecap)
{
    public bool CachingMode => Bits.Field(Cap, 7, 7) != 0;

    public int SupportedWidths => (int)Bits.Field(Cap, 12, 8);

    public int IovaBits => (int)Bits.Field(Cap, 21, 16) + 1;

    public bool SecondStage2M => Bits.Field(Cap, 34, 34) != 0;

    public bool SecondStage1G => Bits.Field(Cap, 35, 35) != 0;

    public int FaultRecordCount => (int)Math.Min(Bits.Field(Cap, 47, 40) + 1, 255);

    public bool FirstStage1G => Bits.Field(Cap, 56, 56) != 0;

    public bool DeviceTlb => Bits.Field(Ecap, 2, 2) != 0;

    public bool PassThrough => Bits.Field(Ecap, 6, 6) != 0;

    public bool SnoopControl => Bits.Field(Ecap, 7, 7) != 0;
}

/// <summary>One set of page tables and everything it maps; what is not listed is not mapped.</summary>
public sealed record CaptureSpace(
    string Id, TableFormat Format, ulong Root, int LevelCount, ulong MappedBytes, ImmutableArray<CaptureMapping> Mappings);

/// <summary>A maximal run of leaves of one size with consecutive addresses and equal rights.</summary>
/// <param name="Iova">Its first byte.</param>
/// <param name="Length">Bytes, a multiple of <paramref name="PageSize"/>.</param>
/// <param name="Physical">Where its first byte is.</param>
/// <param name="Rights">Read, write or both.</param>
/// <param name="PageSize">Bytes of one leaf.</param>
public sealed record CaptureMapping(ulong Iova, ulong Length, ulong Physical, Rights Rights, ulong PageSize);

/// <summary>One device's entry.</summary>
/// <param name="Name">Bus, device and function as the file writes them.</param>
/// <param name="Requester">Requester id.</param>
/// <param name="Attach">paging, passthrough or blocked.</param>
/// <param name="Space">Id of its space; null without one.</param>
/// <param name="DomainId">The domain id in its entry.</param>
/// <param name="Driver">The driver that used it; empty where none did.</param>
/// <param name="NoExecute">NXE of its PASID-table entry (scalable mode); true in legacy mode, which has none.</param>
public sealed record CaptureDevice(
    string Name, ushort Requester, string Attach, string? Space, ushort DomainId, string Driver, bool NoExecute);

/// <summary>What is known about a capture's mappings besides the tables.</summary>
/// <param name="WidenedFormats">Formats in which the driver made write-only requests readable too.</param>
/// <param name="MissedProbeHits">Kernel calls that the recording of this run lost.</param>
/// <param name="Program">What the VFIO program inside the guest asked and was answered; empty where none ran.</param>
public sealed record CaptureTruth(
    ImmutableArray<TableFormat> WidenedFormats, int MissedProbeHits, ImmutableArray<VfioContainer> Program);

/// <summary>A VFIO container: the devices in it and its operations in order.</summary>
public sealed record VfioContainer(ImmutableArray<string> Devices, ImmutableArray<VfioCall> Calls);

/// <summary>One VFIO map or unmap call.</summary>
/// <param name="IsMap">Map; otherwise unmap.</param>
/// <param name="Iova">First byte.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Rights">Read, write or both (map).</param>
/// <param name="Error">Linux error number, 0 for success.</param>
/// <param name="Returned">Bytes removed (unmap).</param>
/// <param name="Runs">Physical runs behind the range (map); empty where unknown.</param>
/// <param name="What">What the program tried.</param>
public sealed record VfioCall(
    bool IsMap, ulong Iova, ulong Length, Rights Rights, int Error, ulong Returned, ImmutableArray<CaptureMapping> Runs, string What);
