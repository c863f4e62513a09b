namespace IommuImpl;

/// <summary>VT-d second stage (VT-d 9.8), faults with the legacy codes.</summary>
internal readonly struct VtdSecondStageFormat : IPageFormat
{
    private const ulong Read = 1UL << 0, Write = 1UL << 1, Snoop = 1UL << 11, Transient = 1UL << 62;

    public static byte ReservedReason => 0x0C;

    public static byte WindowReason => 0x0E;

    public static byte InputReason => 0x04;

    public static bool WritesBack => false;

    // Bit 0 for Read, bit 1 for Write.
    public static ulong TableNeed(AccessKind kind) => 1UL << (int)kind;

    public static ulong LeafNeed(AccessKind kind) => TableNeed(kind);

    // There is no present bit: an empty entry grants nothing.
    public static byte Refusal(ulong entry, AccessKind kind)
    {
        if (kind == AccessKind.Write)
            return (byte)((entry & Write) != 0 ? 0 : 0x05);
        return (byte)((entry & Read) != 0 ? 0 : 0x06);
    }

    public static ulong Touched(ulong entry, bool isLeaf, AccessKind kind) => entry;

    public static ulong Denied(ulong path, ulong leaf) => ~path & (Read | Write);

    public static bool InRange(ulong iova, int levels, ulong forbiddenBits) => (iova & forbiddenBits) == 0;

    public static ulong TableEntry(ulong physical) => physical | Read | Write;

    public static ulong LeafBits(Rights rights, IommuOptions options)
    {
        var bits = (rights & Rights.Read) != 0 ? Read : 0;
        if ((rights & Rights.Write) != 0)
            bits |= options.WidenWriteOnly ? Read | Write : Write;
        return bits;
    }

    // SNP and TM are fields of leaves: capabilities do not free their bits in table entries (as QEMU's masks have it).
    public static ulong TableReserved(int level, IommuOptions options) =>
        BeyondHost(options) | Snoop | Transient | (level >= 4 ? Entry.PageSize : 0);

    public static ulong LeafReserved(int level, IommuOptions options)
    {
        var reserved = BeyondHost(options) | (options.SnoopControl ? 0 : Snoop) | (options.DeviceTlb ? 0 : Transient);
        return level switch
        {
            1 => reserved,
            2 => reserved | Entry.Bits(12, 21) | (options.Pages2M ? 0 : Entry.PageSize),
            3 => reserved | Entry.Bits(12, 30) | (options.Pages1G ? 0 : Entry.PageSize),
            _ => reserved | Entry.PageSize | Snoop,
        };
    }

    private static ulong BeyondHost(IommuOptions options) => Entry.Bits(options.PhysicalBits, 52);
}
