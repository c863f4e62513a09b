using System.Collections.Immutable;
using IommuSpec;

namespace IommuHarness.Targets.Qemu;

/// <summary>
/// VT-d's legacy mode: root and context entries are the scenario's own, invalidation goes through registers. Source: VT-d 6.5.1, 11.4.5
/// to 11.4.8.
/// </summary>
internal sealed class VtdLegacy(string name, string options = "", int addressBits = 48) : VtdMachine(name, options, addressBits)
{
    private const ulong ContextCommand = Registers + 0x28;
    private const ulong Invalidate = 1UL << 63;

    private bool isWanted;

    protected override Platform Describe(Platform common) => common with { Contexts = ContextMode.VtdLegacy };

    /// <summary>
    /// A scenario begins with translation off. Most turn it on before their first access, and the emulator takes long for that: it stays
    /// on between scenarios, and is turned off only when somebody could see the difference.
    /// </summary>
    public override void Begin(QtestBatch batch, Func<ulong> free) => isWanted = false;

    public override void End(QtestBatch batch)
    {
        RootTable(batch, 0);
        FlushContexts(batch, new(FlushGranularity.Global, 0, 0, 0));
        FlushIotlb(batch, new(FlushGranularity.Global, 0, 0, 0, false));
        Drain(batch);
    }

    public override void BeforeAccess(QtestBatch batch)
    {
        uint wanted = isWanted ? TranslationEnable : 0;
        if (Command != wanted)
            batch.Write32(GlobalCommand, Command = wanted);
    }

    public override Reading? Lower(QtestBatch batch, Op op)
    {
        switch (op)
        {
            case Op.SetRootTable root when BadTable(root.Physical) is { } refused:
                return refused;
            case Op.SetRootTable root when !MayStore(root.Physical):
                return Unsupported;
            case Op.SetRootTable root:
                RootTable(batch, root.Physical);
                return Done;
            case Op.SetTranslation translation:
                isWanted = translation.On;
                return Done;
            case Op.FlushContexts { FunctionMask: < 0 or > 3 }:
                return Refused(Refusal.OutOfRange);
            case Op.FlushContexts flush:
                FlushContexts(batch, flush);
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

    /// <summary>CCMD_REG: ICC 63, CIRG 62:61 (1 global, 2 domain, 3 device), FM 33:32, SID 31:16, DID 15:0.</summary>
    private static void FlushContexts(QtestBatch batch, Op.FlushContexts flush)
    {
        ulong scope = flush.Granularity switch { FlushGranularity.Global => 1, FlushGranularity.Domain => 2, _ => 3 };
        ulong source = flush.Granularity == FlushGranularity.Selective
            ? (ulong)flush.FunctionMask << 32 | (ulong)Platform.RequesterId(flush.Device) << 16
            : 0;
        batch.Write64(ContextCommand, Invalidate | scope << 61 | source | flush.DomainId);
    }

    /// <summary>IVA_REG: ADDR 63:12, IH 6, AM 5:0. IOTLB_REG: IVT 63, IIRG 61:60 (1 global, 2 domain, 3 page), DID 47:32.</summary>
    private void FlushIotlb(QtestBatch batch, Op.FlushIotlb flush)
    {
        ulong scope = flush.Granularity switch { FlushGranularity.Global => 1, FlushGranularity.Domain => 2, _ => 3 };
        if (flush.Granularity == FlushGranularity.Selective)
            batch.Write64(InvalidateRegisters, flush.Address & ~0xfffUL | (flush.LeafOnly ? 1UL << 6 : 0) | (uint)flush.SizeLg2Pages);
        batch.Write64(InvalidateRegisters + 8, Invalidate | scope << 60 | (ulong)flush.DomainId << 32);
    }
}
