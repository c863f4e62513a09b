using System.Collections.Immutable;
using IommuSpec;

namespace IommuHarness.Targets.Qemu;

/// <summary>
/// Intel VT-d on QEMU's q35 board: what legacy and scalable mode have in common, the registers. Source: VT-d specification 10.4 and 11.4.
/// </summary>
/// <param name="name">Its platform's name.</param>
/// <param name="options">What its command line gives the IOMMU beyond the defaults, each with a leading comma.</param>
/// <param name="addressBits">The host address width, which no register shows: firmware tells it, and QEMU by aw-bits.</param>
internal abstract class VtdMachine(string name, string options, int addressBits) : QemuMachine
{
    // registers
    protected const ulong Registers = 0xfed9_0000;
    protected const ulong GlobalCommand = Registers + 0x18;
    private const ulong Capability = Registers + 0x08;
    private const ulong ExtendedCapability = Registers + 0x10;
    private const ulong RootTableAddress = Registers + 0x20;
    private const ulong FaultStatus = Registers + 0x34;

    // GCMD_REG and GSTS_REG
    protected const uint TranslationEnable = 1u << 31;
    private const uint SetRootPointer = 1u << 30;

    // FSTS_REG
    private const ulong PrimaryFaultOverflow = 1;

    private ulong capability;
    private ulong extendedCapability;

    public sealed override string Name => name;

    public sealed override string Program => "qemu-system-x86_64";

    public sealed override string Package => "qemu-system-x86";

    /// <summary>2 GiB: as much as a q35 board has below its devices, without a hole.</summary>
    public sealed override long MemoryLength => 1L << MemoryBits;

    private const int MemoryBits = 31;

    /// <summary>The largest block that one page-selective command may name, in pages, lg2: CAP_REG.MAMV.</summary>
    protected int LargestBlockLg2Pages => (int)(capability >> 48 & 0x3f);

    protected int AddressBits => addressBits;

    /// <summary>The bits of GCMD_REG that stay set: a write of it says all of them anew.</summary>
    protected uint Command { get; set; }

    public sealed override IEnumerable<string> Arguments(string memoryFile) =>
    [
        "-nodefaults", "-display", "none", "-accel", "tcg", "-S",
        "-machine", "q35,smm=off,hpet=off,sata=off,smbus=off,memory-backend=ram", "-m", "2G",
        "-object", $"memory-backend-file,id=ram,size=2G,mem-path={memoryFile},share=on",
        "-device", "intel-iommu,intremap=off" + options,
        .. PcProbes.Arguments(),
    ];

    public sealed override void SetUp(QtestBatch batch) => PcProbes.SetUp(batch);

    // ---- what it can do

    public sealed override Platform ReadPlatform(Func<QtestBatch, QtestProcess> exchange)
    {
        QtestBatch batch = new();
        int low = batch.Read64(Capability);
        int high = batch.Read64(ExtendedCapability);
        QtestProcess answers = exchange(batch);
        (capability, extendedCapability) = (answers.Answer(low), answers.Answer(high));
        return Describe(new()
        {
            Format = TableFormat.VtdSecondStage,
            IovaBits = (int)(capability >> 16 & 0x3f) + 1,
            PhysicalBits = addressBits,
            Pages2M = Has(capability, 34),
            Pages1G = Has(capability, 35),
            SupportedWidths = (int)(capability >> 8 & 0x1f),
            FaultRecordCount = FaultRecordCount,
            FaultCompression = Compresses(exchange),
            CachingMode = Has(capability, 7),
            SnoopControl = Has(extendedCapability, 7),
            DeviceTlb = Has(extendedCapability, 2),
            PassThrough = Has(extendedCapability, 6),
            MemoryBits = MemoryBits,
            DeviceCount = PcProbes.SlotCount,
            WindowReadsBlocked = true,
            RemembersByRequester = true,
            SilentCachedDenials = true,
            WindowStopsPages = true,
            WindowReadsAsZero = true,
            OutcomeReasons = false,
        });
    }

    /// <summary>The platform, from what both modes share.</summary>
    protected abstract Platform Describe(Platform common);

    /// <summary>CAP_REG.FL1GP: first-stage pages of 1 GiB.</summary>
    protected bool HasFirstStage1G => Has(capability, 56);

    private static bool Has(ulong register, int bit) => (register >> bit & 1) != 0;

    /// <summary>No register says whether faults are compressed: two of one requester do.</summary>
    private bool Compresses(Func<QtestBatch, QtestProcess> exchange)
    {
        QtestBatch batch = new();
        RootTable(batch, 0);
        batch.Write32(GlobalCommand, Command = TranslationEnable);
        PcProbes.Write(batch, 0, 0x1000);
        PcProbes.Write(batch, 0, 0x2000);
        Reading drain = Drain(batch);
        Command = 0;
        batch.Write32(GlobalCommand, Command);
        return drain(exchange(batch)) is Observation.Faults { Overflow: false, Records.Length: 1 };
    }

    // ---- registers

    /// <summary>RTADDR_REG with its mode bits, latched.</summary>
    protected void RootTable(QtestBatch batch, ulong register)
    {
        batch.Write64(RootTableAddress, register);
        batch.Write32(GlobalCommand, Command | SetRootPointer);
    }

    private int FaultRecordCount => (int)(capability >> 40 & 0xff) + 1;

    /// <summary>CAP_REG.FRO, in units of 16 bytes.</summary>
    private ulong FaultRecords => Registers + (capability >> 24 & 0x3ff) * 16;

    /// <summary>ECAP_REG.IRO, in units of 16 bytes: the invalidate address register; the IOTLB register is 8 above.</summary>
    protected ulong InvalidateRegisters => Registers + (extendedCapability >> 8 & 0x3ff) * 16;

    /// <summary>Reads and clears the fault recording registers, then the overflow flag.</summary>
    protected Reading Drain(QtestBatch batch)
    {
        int count = FaultRecordCount;
        int status = batch.Read32(FaultStatus);
        int first = batch.Count;
        for (int i = 0; i < count; i++)
        {
            batch.Read64(FaultRecords + 16 * (ulong)i);
            batch.Read64(FaultRecords + 16 * (ulong)i + 8);
        }

        for (int i = 0; i < count; i++)
            batch.Write64(FaultRecords + 16 * (ulong)i + 8, Fault);
        batch.Write32(FaultStatus, (uint)PrimaryFaultOverflow);
        return process =>
        {
            ulong flags = process.Answer(status);
            // from the register that FRI names, as long as there are faults
            IEnumerable<int> inOrder = Enumerable.Range((int)(flags >> 8 & 0xff), count).Select(i => i % count);
            return new Observation.Faults(
                [.. inOrder.Select(i => Record(process.Answer(first + 2 * i), process.Answer(first + 2 * i + 1))).Where(record => (record.High & Fault) != 0)],
                (flags & PrimaryFaultOverflow) != 0);
        };
    }

    private const ulong Fault = 1UL << 63;
    private const ulong PasidPresent = 1UL << 31;

    private const ulong PasidValue = 0xf_ffffUL << 40;

    /// <summary>PRIV 29 and EXE 30.</summary>
    private const ulong OfPasid = 3UL << 29;

    /// <summary>
    /// No request here has a PASID. Legacy mode may put anything into fields that belong to one; in scalable mode a request without is
    /// translated by the PASID that the context names for it, 0, and may be recorded with that.
    /// </summary>
    private FaultRecord Record(ulong low, ulong high)
    {
        if ((high & PasidPresent) == 0 || (high & PasidValue) == 0)
            high &= ~(PasidPresent | PasidValue | OfPasid);
        return new(low, high & ~(0xffUL << 32) | (ulong)Reason((byte)(high >> 32), isRead: (high >> 62 & 1) != 0) << 32);
    }

    /// <summary>A recorded fault reason in the numbers that the platform uses for it.</summary>
    protected virtual byte Reason(byte recorded, bool isRead) => recorded;

    // ---- operands

    /// <summary>
    /// Pages of the board's devices, which answer reads: the probes, and everything from the I/O interrupt controller to the firmware. A
    /// table there would be read from registers. All of the interrupt window reads as 0.
    /// </summary>
    public sealed override bool MayStore(ulong value)
    {
        ulong page = value & 0x000f_ffff_ffff_f000;
        return !PcProbes.IsRegister(page) && page is (< 0xfec0_0000 or > 0xffff_ffff or (>= 0xfee0_0000 and <= 0xfeef_ffff));
    }

    /// <summary>Why a table's address is none; null where it is.</summary>
    protected Reading? BadTable(ulong physical) =>
        physical % Platform.Granule != 0 ? Refused(Refusal.Misaligned)
        : physical >> addressBits != 0 ? Refused(Refusal.TooWide)
        : null;

    /// <summary>Why a page-selective command's operands are none; null where they are.</summary>
    protected Reading? BadBlock(Op.FlushIotlb flush) =>
        flush.SizeLg2Pages < 0 || flush.SizeLg2Pages > LargestBlockLg2Pages ? Refused(Refusal.OutOfRange) : null;
}
