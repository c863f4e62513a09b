using System.Collections.Immutable;

namespace IommuSpec;

/// <summary>Which page-table format a domain's tables have.</summary>
public enum TableFormat : byte
{
    /// <summary>VT-d second-stage tables.</summary>
    VtdSecondStage,

    /// <summary>x86-64 tables, VT-d's first stage.</summary>
    X86FirstStage,
}

/// <summary>Who says which tables a device uses.</summary>
public enum ContextMode : byte
{
    /// <summary>Attach and detach; tables change through map and unmap only.</summary>
    Software,

    /// <summary>The program operation names a root table; tables are words of memory.</summary>
    Direct,

    /// <summary>VT-d legacy-mode root and context entries in memory.</summary>
    VtdLegacy,
}

/// <summary>Which programming interface's checks map and unmap make, and in which order.</summary>
public enum Contract : byte
{
    /// <summary>The Linux kernel's iommu_map and iommu_unmap over generic_pt.</summary>
    Kernel,

    /// <summary>VFIO type1 v2, VFIO_IOMMU_MAP_DMA and UNMAP_DMA.</summary>
    Vfio,

    /// <summary>iommufd, IOMMU_IOAS_MAP with a fixed IOVA and IOMMU_IOAS_UNMAP.</summary>
    Iommufd,
}

/// <summary>What an unmap does that does not fit what was mapped.</summary>
public enum UnmapPolicy : byte
{
    /// <summary>Whole leaves from the start to the first hole; a leaf that is cut at its end goes whole, one cut at its start stays.</summary>
    Leaf,

    /// <summary>Exactly the bytes asked for; leaves are split.</summary>
    Split,

    /// <summary>Refused, without effect, where the range cuts an earlier map call's range at either end.</summary>
    WholeMapping,

    /// <summary>Removes earlier map calls' ranges going upward, and stops at the first that is cut.</summary>
    Area,
}

/// <summary>
/// What is declared about an implementation and fixed for a run. Nothing else about it may matter: there is no rule that
/// asks for a platform's name.
/// </summary>
public sealed record Platform
{
    /// <summary>The smallest page and the alignment of every mapping, 4 KiB.</summary>
    public const int GranuleLg2 = 12;

    /// <summary>The granule in bytes.</summary>
    public const ulong Granule = 1UL << GranuleLg2;

    /// <summary>The longest device access, in bytes: 16 granules.</summary>
    public const ulong LongestAccess = 0x10000;

    /// <summary>Device and domain slots a scenario may name: 0 to one less than this.</summary>
    public const int SlotCount = 256;

    /// <summary>The format of a domain's tables. VT-d legacy contexts know the second stage only.</summary>
    public TableFormat Format { get; init; } = TableFormat.VtdSecondStage;

    /// <summary>Levels of a domain's tables: 3, 4 or 5 (first stage 4 or 5). With VT-d contexts each context entry says for itself.</summary>
    public int LevelCount { get; init; } = 4;

    public ContextMode Contexts { get; init; } = ContextMode.Software;

    /// <summary>2 MiB leaves exist (VT-d CAP.SLLPS bit 34; always for the first stage).</summary>
    public bool Pages2M { get; init; } = true;

    /// <summary>1 GiB leaves exist (VT-d CAP.SLLPS bit 35, CAP.FL1GP).</summary>
    public bool Pages1G { get; init; } = true;

    /// <summary>Physical address width in bits (VT-d's host address width, HAW), 32 to 52.</summary>
    public int PhysicalBits { get; init; } = 46;

    /// <summary>Second-stage input width in bits (VT-d's MGAW), 30 to 64; tables with fewer bits limit it further.</summary>
    public int IovaBits { get; init; } = 57;

    public Contract Contract { get; init; } = Contract.Kernel;

    public UnmapPolicy Unmap { get; init; } = UnmapPolicy.Leaf;

    /// <summary>Not-present entries may be cached (VT-d CAP.CM).</summary>
    public bool CachingMode { get; init; }

    /// <summary>A write-only mapping is readable too, as formats without write-only force it. Always so for the first stage.</summary>
    public bool WidenWriteOnly { get; init; }

    /// <summary>Small leaves that fill a large page may become one large leaf. Only visible as speed.</summary>
    public bool PromoteSuperpages { get; init; }

    /// <summary>Tables that hold nothing are given back by the invalidation that covers them.</summary>
    public bool ReclaimTables { get; init; } = true;

    /// <summary>Bit 11 of a second-stage leaf is SNP; otherwise reserved (VT-d ECAP.SC).</summary>
    public bool SnoopControl { get; init; }

    /// <summary>Device TLBs: translation type 1 and leaf bit 62, TM, exist; otherwise reserved (VT-d ECAP.DT).</summary>
    public bool DeviceTlb { get; init; }

    /// <summary>Translation type 2, pass-through, exists; otherwise reserved (VT-d ECAP.PT).</summary>
    public bool PassThrough { get; init; } = true;

    /// <summary>Second-stage widths a context entry may name: bit 1 is 39 bits and 3 levels, bit 2 is 48 and 4, bit 3 is 57 and 5 (VT-d CAP.SAGAW).</summary>
    public int SupportedWidths { get; init; } = 0b01110;

    /// <summary>Fault recording registers (VT-d CAP.NFR + 1), 1 to 255.</summary>
    public int FaultRecordCount { get; init; } = 8;

    /// <summary>A fault of a device that has a pending record already is dropped without overflow.</summary>
    public bool FaultCompression { get; init; }

    /// <summary>First-stage bit 63 is execute-disable; otherwise reserved (VT-d NXE).</summary>
    public bool NoExecute { get; init; } = true;

    /// <summary>Map refuses to touch the interrupt window, 0xfee00000 to 0xfeefffff (a reserved region of VFIO and iommufd).</summary>
    public bool InterruptWindowReserved { get; init; }

    /// <summary>
    /// Memory exists from physical address 0 to 2^this - 1, 20 to 64. Beyond it nothing answers: tables cannot be read, accesses are
    /// not performed. 64 is memory wherever the physical address width reaches.
    /// </summary>
    public int MemoryBits { get; init; } = 64;

    /// <summary>
    /// What became of an access says why it faulted. A real device learns only that its request was not performed: there the reason
    /// is 0 for every fault, and fault records alone carry it.
    /// </summary>
    public bool OutcomeReasons { get; init; } = true;

    /// <summary>
    /// A read from the interrupt window is an illegal request, which is not performed; otherwise it is translated like any other. The
    /// manual's 3.14 speaks of writes of four bytes alone as interrupt requests, and blocks what else is sent there.
    /// </summary>
    public bool WindowReadsBlocked { get; init; }

    /// <summary>A first-stage walk that faults may have set accessed bits in the entries above the one that stopped it (VT-d 3.6).</summary>
    public bool FaultingWalksSetBits { get; init; }

    /// <summary>
    /// Translations are remembered by requester as well as by domain id, so that they outlive the context: invalidating contexts alone does
    /// not end them. Software has to invalidate both (VT-d 6.5.3.3).
    /// </summary>
    public bool RemembersByRequester { get; init; }

    /// <summary>
    /// A deviation: an access that is denied by a translation which an access of the other kind left in a cache may leave no fault record.
    /// VT-d 7.2.1 records it as any other fault.
    /// </summary>
    public bool SilentCachedDenials { get; init; }

    /// <summary>
    /// A deviation: a write may use a first-stage translation that a read left in a cache, and then does not set the dirty bit. VT-d 3.6 has
    /// it set before a write is made.
    /// </summary>
    public bool CachedWritesKeepClean { get; init; }

    /// <summary>
    /// A deviation: a page that overlaps the interrupt window stops every access by it as if it were translated into the window. VT-d 3.14 and
    /// 7.1.3 speak of the translated address.
    /// </summary>
    public bool WindowStopsPages { get; init; }

    /// <summary>Behind the end of memory the interrupt window has registers that read as 0: a table there is one of absent entries.</summary>
    public bool WindowReadsAsZero { get; init; }

    /// <summary>Device slots that there are, 1 to <see cref="SlotCount"/>: 0 to one less than this. Of others a target says that it does not have them.</summary>
    public int DeviceCount { get; init; } = SlotCount;

    /// <summary>Whether an entry of a table can be read at a physical address.</summary>
    public bool CanReadEntry(ulong physical) => HasMemory(physical) || (WindowReadsAsZero && physical is >= 0xfee0_0000 and <= 0xfeef_ffff);

    /// <summary>Whether memory answers at a physical address.</summary>
    public bool HasMemory(ulong physical) => physical <= Bits.Mask(MemoryBits);

    /// <summary>
    /// The requester id (bus 15:8, device 7:3, function 2:0) of a device slot. The first eight are chosen to collide when an id
    /// is cut short: same device and function on another bus, same low seven bits, functions
    /// that differ in each of their bits, all ones.
    /// </summary>
    public static ushort RequesterId(int device) => device switch
    {
        0 => 0x0008,
        1 => 0x0088,
        2 => 0x0108,
        3 => 0x0009,
        4 => 0x000c,
        5 => 0x8008,
        6 => 0xffff,
        7 => 0x000a,
        _ => (ushort)(0x1000 + (device << 3)),
    };
}
