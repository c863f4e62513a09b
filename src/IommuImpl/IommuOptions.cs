namespace IommuImpl;

/// <summary>What an <see cref="Iommu"/> is: fixed between two calls of <see cref="Iommu.Reset"/>.</summary>
public sealed record IommuOptions
{
    public TableFormat Format { get; init; } = TableFormat.VtdSecondStage;

    public ContextMode Contexts { get; init; } = ContextMode.Software;

    /// <summary>3 to 5 for the second stage, 4 or 5 for the first. With VT-d contexts the context entry's AW decides.</summary>
    public int Levels { get; init; } = 4;

    /// <summary>Leaves of 2 MiB exist.</summary>
    public bool Pages2M { get; init; } = true;

    /// <summary>Leaves of 1 GiB exist.</summary>
    public bool Pages1G { get; init; } = true;

    /// <summary>Host address width, 32 to 52: every physical address is below 2^PhysicalBits.</summary>
    public int PhysicalBits { get; init; } = 46;

    /// <summary>MGAW, 30 to 64: the second stage takes input addresses below 2^min(AGAW, IovaBits).</summary>
    public int IovaBits { get; init; } = 57;

    public Contract Contract { get; init; } = Contract.Kernel;

    public UnmapPolicy Unmap { get; init; } = UnmapPolicy.Leaf;

    /// <summary>CAP.CM. Permits caching of absence; this implementation never does.</summary>
    public bool CachingMode { get; init; }

    /// <summary>A write-only mapping may be read as well. The first stage always behaves so.</summary>
    public bool WidenWriteOnly { get; init; }

    /// <summary>A full table of contiguous leaves with equal rights becomes one larger leaf, except under policy Leaf, which would show it.</summary>
    public bool PromoteSuperpages { get; init; }

    /// <summary>ECAP.SC: bit 11 of a second-stage leaf is SNP; otherwise it is reserved.</summary>
    public bool SnoopControl { get; init; } = true;

    /// <summary>ECAP.DT: translation type 1 exists, and bit 62 of a second-stage entry is TM.</summary>
    public bool DeviceTlb { get; init; }

    /// <summary>ECAP.PT: translation type 2 (pass-through) exists.</summary>
    public bool PassThrough { get; init; } = true;

    /// <summary>SAGAW as in CAP bits 12:8: bit 1 is 39-bit, bit 2 is 48-bit, bit 3 is 57-bit.</summary>
    public int SupportedWidths { get; init; } = 0b1110;

    /// <summary>Fault recording registers, 1 to 256 (NFR + 1).</summary>
    public int FaultRecordCount { get; init; } = 8;

    /// <summary>A fault of a requester that already has a pending record is dropped silently.</summary>
    public bool FaultCompression { get; init; }

    /// <summary>NXE: bit 63 of a first-stage entry is XD; otherwise it is reserved.</summary>
    public bool NoExecute { get; init; } = true;

    /// <summary>Map refuses ranges that touch 0xFEE00000-0xFEEFFFFF (contracts Vfio and Iommufd).</summary>
    public bool InterruptWindowReserved { get; init; } = true;

    /// <summary>Translations held: 0 for none, otherwise a power of two.</summary>
    public int IotlbEntryCount { get; init; } = 1024;

    /// <summary>Table pointers held: 0 for none, otherwise a power of two.</summary>
    public int WalkCacheEntryCount { get; init; } = 256;

    /// <summary>Device contexts held: a power of two.</summary>
    public int ContextCacheEntryCount { get; init; } = 64;

    /// <summary>Throws ArgumentException when a value lies outside its documented range.</summary>
    internal void Validate()
    {
        var first = Format == TableFormat.X86FirstStage;
        Require(Levels >= (first ? 4 : 3) && Levels <= 5, nameof(Levels));
        Require(PhysicalBits is >= 32 and <= 52, nameof(PhysicalBits));
        Require(IovaBits is >= 30 and <= 64, nameof(IovaBits));
        Require(FaultRecordCount is >= 1 and <= 256, nameof(FaultRecordCount));
        Require(!(first && Contexts == ContextMode.VtdLegacy), nameof(Format));
        Require(IotlbEntryCount == 0 || IsPowerOfTwo(IotlbEntryCount), nameof(IotlbEntryCount));
        Require(WalkCacheEntryCount == 0 || IsPowerOfTwo(WalkCacheEntryCount), nameof(WalkCacheEntryCount));
        Require(IsPowerOfTwo(ContextCacheEntryCount), nameof(ContextCacheEntryCount));
    }

    private static bool IsPowerOfTwo(int count) => count is > 0 and <= 1 << 24 && (count & (count - 1)) == 0;

    private static void Require(bool holds, string name)
    {
        if (!holds)
            throw new ArgumentException("Outside its documented range, or not together with the other options.", name);
    }
}
