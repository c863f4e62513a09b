using IommuSpec;

namespace IommuHarness.Targets.Qemu;

/// <summary>
/// VT-d's scalable mode. The scenario says which root table a device has; the entries that lead there are this driver's, in memory that the
/// scenario does not touch: root, context, PASID directory and PASID entry, for requests without PASID. Invalidation goes through the
/// queue. Source: VT-d 3.4, 6.5.2, 9.2, 9.4 to 9.6, 11.4.9; descriptors of 256 bits.
/// </summary>
/// <param name="name">Its platform's name.</param>
/// <param name="options">What its command line gives the IOMMU beyond the defaults.</param>
/// <param name="levelCount">Levels of the tables.</param>
/// <param name="firstStage">First-stage tables; second-stage otherwise.</param>
/// <param name="addressBits">The host address width.</param>
internal sealed class VtdScalable(string name, string options, int levelCount, bool firstStage, int addressBits = 48)
    : VtdMachine(name, options, addressBits)
{
    // RTADDR_REG.TTM
    private const ulong ScalableMode = 1 << 10;

    // GCMD_REG.QIE
    private const uint QueuedInvalidation = 1 << 26;

    private const ulong QueueTail = Registers + 0x88;
    private const ulong QueueAddress = Registers + 0x90;

    /// <summary>IQA_REG.DW: descriptors of 256 bits, of which a granule holds 128.</summary>
    private const ulong WideDescriptors = 1 << 11;
    private const int QueueLength = 128;

    private readonly Device?[] devices = new Device?[PcProbes.SlotCount];
    private readonly ulong[] contextEntries = new ulong[PcProbes.SlotCount];
    private Func<ulong> freeGranule = () => 0;
    private ulong queue;
    private int tail;

    /// <summary>What one device's context leads to.</summary>
    private sealed record Device(ulong Directory, ulong PasidTable, ushort? DomainId);

    protected override Platform Describe(Platform common) => common with
    {
        Contexts = ContextMode.Direct,
        LevelCount = levelCount,
        Format = firstStage ? TableFormat.X86FirstStage : TableFormat.VtdSecondStage,
        Pages2M = firstStage || common.Pages2M,
        Pages1G = firstStage ? HasFirstStage1G : common.Pages1G,
        // each context is this driver's: what context entries may say is not the scenario's affair
        SupportedWidths = new Platform().SupportedWidths,
        PassThrough = true,
        RemembersByRequester = false,
        FaultingWalksSetBits = firstStage,
        CachedWritesKeepClean = firstStage,
        // whatever ECAP_REG.SC says
        SnoopControl = true,
    };

    public override void Begin(QtestBatch batch, Func<ulong> free)
    {
        freeGranule = free;
        devices.AsSpan().Clear();
        ulong root = free();
        Dictionary<ulong, ulong> contextTables = [];
        for (int slot = 0; slot < PcProbes.SlotCount; slot++)
        {
            // a root entry of 16 bytes for each bus, its upper half for devices 16 and above; 128 context entries of 32 bytes in each table
            ushort requester = Platform.RequesterId(slot);
            ulong half = root + 16UL * (uint)(requester >> 8) + ((requester & 0x80) != 0 ? 8UL : 0);
            if (!contextTables.TryGetValue(half, out ulong table))
            {
                contextTables.Add(half, table = free());
                batch.Write64(half, table | 1);
            }

            contextEntries[slot] = table + 32UL * (uint)(requester & 0x7f);
        }

        queue = free();
        tail = 0;
        batch.Write64(QueueTail, 0);
        batch.Write64(QueueAddress, queue | WideDescriptors);
        batch.Write32(GlobalCommand, Command = TranslationEnable | QueuedInvalidation);
        RootTable(batch, root | ScalableMode);
        FlushEverything(batch);
    }

    /// <summary>
    /// Translation stays on between scenarios, as every scenario has it on: the emulator takes long to turn it on and off. There is
    /// no device without a context meanwhile.
    /// </summary>
    public override void End(QtestBatch batch)
    {
        FlushEverything(batch);
        // the queue may be turned off only behind a wait descriptor: SW 5, the status address in the second word
        Queue(batch, 5 | 1UL << 5, freeGranule());
        batch.Write32(GlobalCommand, Command = TranslationEnable);
        batch.Write64(QueueTail, 0);
        RootTable(batch, 0);
        Drain(batch);
    }

    public override void BeforeAccess(QtestBatch batch)
    {
    }

    public override Reading? Lower(QtestBatch batch, Op op)
    {
        switch (op)
        {
            case Op.Program program when BadTable(program.Root) is { } refused:
                return refused;
            case Op.Program { Device: >= PcProbes.SlotCount } or Op.Unprogram { Device: >= PcProbes.SlotCount }:
                return Unsupported;
            case Op.Program program when !MayStore(program.Root):
                return Unsupported;
            case Op.Program program:
                Program(batch, program);
                return Done;
            case Op.Unprogram program:
                Unprogram(batch, program.Device);
                return Done;
            case Op.FlushIotlb flush when BadBlock(flush) is { } refused:
                return refused;
            case Op.FlushIotlb flush:
                FlushIotlb(batch, flush);
                return Done;
            case Op.DrainFaults:
                return Drain(batch);
            default:
                return null;
        }
    }

    /// <summary>
    /// Where the program operation names a root, second-stage faults have legacy mode's reasons. Scalable mode has its own for the same
    /// causes (VT-d 7.1.3, SSL.1 to SSL.4, SGN.5 to SGN.8); QEMU records some of the one and some of the other.
    /// </summary>
    protected override byte Reason(byte recorded, bool isRead)
    {
        if (firstStage)
            return recorded;
        return recorded switch
        {
            0x78 => 0x07,
            0x79 when isRead => 0x06,
            0x79 => 0x05,
            0x7a => 0x0c,
            0x7b => 0x03,
            0x84 => 0x04,
            0x85 => 0x05,
            0x86 => 0x06,
            0x87 => 0x0e,
            _ => recorded,
        };
    }

    // ---- structures

    private new void Program(QtestBatch batch, Op.Program program)
    {
        Device? before = devices[program.Device];
        Device now = before is null
            ? new(freeGranule(), freeGranule(), program.DomainId)
            : before with { DomainId = program.DomainId };
        devices[program.Device] = now;
        // PASID 0, RID_PASID's value: directory entry 0 leads to the table that has its entry at the beginning
        batch.Write64(now.Directory, now.PasidTable | 1);
        WritePasidEntry(batch, now.PasidTable, program);
        batch.Write64(contextEntries[program.Device], now.Directory | 1);
        Invalidate(batch, before?.DomainId ?? program.DomainId);
    }

    /// <summary>
    /// The entry of 64 bytes. Word 0: P 0, AW 4:2, PGTT 8:6 (1 first-stage, 2 second-stage), SSPTPTR 63:12. Word 1: DID 15:0. Word 2: FSPM 3:2
    /// (0 is 4 levels, 1 is 5), NXE 5, FSPTPTR 63:12.
    /// </summary>
    private void WritePasidEntry(QtestBatch batch, ulong entry, Op.Program program)
    {
        const ulong NoExecuteEnable = 1 << 5;
        batch.Write64(entry, 0);
        batch.Write64(entry + 8, program.DomainId);
        batch.Write64(entry + 16, firstStage ? program.Root | (ulong)(levelCount - 4) << 2 | NoExecuteEnable : 0);
        // AW is checked whatever the type, so it is one that exists
        batch.Write64(entry, firstStage ? 1 | 2UL << 2 | 1UL << 6 : 1 | (ulong)(levelCount - 2) << 2 | 2UL << 6 | program.Root);
    }

    private void Unprogram(QtestBatch batch, int slot)
    {
        if (devices[slot] is not { } device)
            return;
        batch.Write64(contextEntries[slot], 0);
        if (device.DomainId is { } domainId)
            Invalidate(batch, domainId);
        devices[slot] = device with { DomainId = null };
    }

    // ---- commands

    /// <summary>After a context changed: context cache, PASID cache, then what was cached of its translations. Source: VT-d 6.5.3.3.</summary>
    private void Invalidate(QtestBatch batch, ushort domainId)
    {
        Queue(batch, 1 | 1UL << 4, 0);
        Queue(batch, 7 | 3UL << 4, 0);
        FlushIotlb(batch, new(FlushGranularity.Domain, domainId, 0, 0, false));
    }

    private void FlushEverything(QtestBatch batch)
    {
        Queue(batch, 1 | 1UL << 4, 0);
        Queue(batch, 7 | 3UL << 4, 0);
        Queue(batch, 2 | 1UL << 4, 0);
    }

    /// <summary>
    /// Type 2, IOTLB: G 5:4 (1 global, 2 domain, 3 page), DID 31:16; second word AM 5:0, IH 6, ADDR 63:12. Type 6, for first-stage
    /// translations: G 5:4 (2 a PASID, 3 pages of a PASID), PASID 51:32, the rest the same.
    /// </summary>
    private void FlushIotlb(QtestBatch batch, Op.FlushIotlb flush)
    {
        ulong domainId = (ulong)flush.DomainId << 16;
        ulong type = firstStage ? 6UL : 2;
        switch (flush.Granularity)
        {
            case FlushGranularity.Global:
                Queue(batch, 2 | 1UL << 4, 0);
                break;
            case FlushGranularity.Domain:
                Queue(batch, type | 2UL << 4 | domainId, 0);
                break;
            default:
                ulong address = flush.Address & ~0xfffUL | (flush.LeafOnly ? 1UL << 6 : 0) | (uint)flush.SizeLg2Pages;
                Queue(batch, type | 3UL << 4 | domainId, address);
                break;
        }
    }

    /// <summary>Stores a descriptor and lets the hardware have it.</summary>
    private void Queue(QtestBatch batch, ulong first, ulong second)
    {
        ulong at = queue + 32UL * (uint)tail;
        batch.Write64(at, first);
        batch.Write64(at + 8, second);
        tail = (tail + 1) % QueueLength;
        batch.Write64(QueueTail, (ulong)tail << 5);
    }
}
