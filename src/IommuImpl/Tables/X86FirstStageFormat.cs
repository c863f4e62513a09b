namespace IommuImpl;

/// <summary>VT-d first stage, the x86-64 layout (VT-d 3.7, 9.8), user requests without PASID, scalable-mode codes.</summary>
internal readonly struct X86FirstStageFormat : IPageFormat
{
    private const ulong Present = 1UL << 0, Write = 1UL << 1, User = 1UL << 2, Accessed = 1UL << 5, Dirty = 1UL << 6;
    private const ulong ExecuteDisable = 1UL << 63;

    public static byte ReservedReason => 0x72;

    public static byte WindowReason => 0x87;

    public static byte InputReason => 0x80;

    public static bool WritesBack => true;

    public static ulong TableNeed(AccessKind kind) =>
        Present | User | Accessed | (kind == AccessKind.Write ? Write : 0);

    public static ulong LeafNeed(AccessKind kind) =>
        Present | User | Accessed | (kind == AccessKind.Write ? Write | Dirty : 0);

    public static byte Refusal(ulong entry, AccessKind kind)
    {
        if ((entry & Present) == 0)
            return 0x71;
        if ((entry & User) == 0)
            return 0x81;
        return (byte)(kind == AccessKind.Write && (entry & Write) == 0 ? 0x85 : 0);
    }

    public static ulong Touched(ulong entry, bool isLeaf, AccessKind kind) =>
        entry | Accessed | (isLeaf && kind == AccessKind.Write ? Dirty : 0);

    // A translation whose leaf is not dirty yet must not serve a write: the write has to set the bit in memory.
    public static ulong Denied(ulong path, ulong leaf) => (path & Write) != 0 && (leaf & Dirty) != 0 ? 0UL : 2UL;

    public static bool InRange(ulong iova, int levels, ulong forbiddenBits)
    {
        var unusedBits = 64 - (12 + 9 * levels);
        return (ulong)((long)(iova << unusedBits) >> unusedBits) == iova;
    }

    // Accessed is set from the start, as Linux does: no walk has to store.
    public static ulong TableEntry(ulong physical) => physical | Present | Write | User | Accessed;

    public static ulong LeafBits(Rights rights, IommuOptions options)
    {
        var bits = Present | User | Accessed;
        if ((rights & Rights.Write) != 0)
            bits |= Write | Dirty;
        return (rights & Rights.NoExec) != 0 && options.NoExecute ? bits | ExecuteDisable : bits;
    }

    public static ulong TableReserved(int level, IommuOptions options) =>
        Common(options) | (level >= 4 ? Entry.PageSize : 0);

    public static ulong LeafReserved(int level, IommuOptions options)
    {
        var reserved = Common(options);
        return level switch
        {
            1 => reserved,
            2 => reserved | Entry.Bits(13, 21) | (options.Pages2M ? 0 : Entry.PageSize),
            3 => reserved | Entry.Bits(13, 30) | (options.Pages1G ? 0 : Entry.PageSize),
            _ => reserved | Entry.PageSize,
        };
    }

    private static ulong Common(IommuOptions options) =>
        Entry.Bits(options.PhysicalBits, 52) | (options.NoExecute ? 0 : ExecuteDisable);
}
