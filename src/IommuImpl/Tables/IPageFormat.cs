using System.Runtime.CompilerServices;

namespace IommuImpl;

/// <summary>
/// A layout of paging entries. Implementations are structs used as generic arguments, so that the walker and the editor are
/// compiled once for each format with these members inlined: 11 ns a walk against 53 through an interface.
/// </summary>
internal interface IPageFormat
{
    /// <summary>Fault reason for a set reserved bit.</summary>
    static abstract byte ReservedReason { get; }

    /// <summary>Fault reason for an output inside the interrupt window.</summary>
    static abstract byte WindowReason { get; }

    /// <summary>Fault reason for an input outside the table's range.</summary>
    static abstract byte InputReason { get; }

    /// <summary>A walk sets accessed and dirty bits in memory.</summary>
    static abstract bool WritesBack { get; }

    /// <summary>Bits, all below 12, that every table entry needs for an access to pass without further work.</summary>
    static abstract ulong TableNeed(AccessKind kind);

    /// <summary>Bits that a leaf needs for an access to pass without further work.</summary>
    static abstract ulong LeafNeed(AccessKind kind);

    /// <summary>Presence and permission of one entry, in the format's order: a fault reason, or 0.</summary>
    static abstract byte Refusal(ulong entry, AccessKind kind);

    /// <summary>The entry with accessed and dirty bits as an access leaves them.</summary>
    static abstract ulong Touched(ulong entry, bool isLeaf, AccessKind kind);

    /// <summary>Bits of an IOTLB entry: 1 when reads must not use it, 2 when writes must not.</summary>
    /// <param name="path">AND of the entries from the root to the leaf.</param>
    /// <param name="leaf">The leaf.</param>
    static abstract ulong Denied(ulong path, ulong leaf);

    /// <summary>The input lies in the range of a table.</summary>
    static abstract bool InRange(ulong iova, int levels, ulong forbiddenBits);

    /// <summary>An entry that points to a table and grants everything.</summary>
    static abstract ulong TableEntry(ulong physical);

    /// <summary>Bits of a leaf beside its address.</summary>
    static abstract ulong LeafBits(Rights rights, IommuOptions options);

    /// <summary>Reserved bits of a table entry.</summary>
    static abstract ulong TableReserved(int level, IommuOptions options);

    /// <summary>Reserved bits of a leaf; contains the page-size bit where no leaf of the level exists.</summary>
    static abstract ulong LeafReserved(int level, IommuOptions options);
}

/// <summary>What both x86 formats have in common.</summary>
internal static class Entry
{
    /// <summary>Bits 51:12.</summary>
    public const ulong AddressMask = 0x000F_FFFF_FFFF_F000;

    /// <summary>Bit 7 at levels 2 and 3: the entry is a leaf.</summary>
    public const ulong PageSize = 1UL << 7;

    /// <summary>Software bits (ignored by hardware in both formats): first and last leaf of what one map call made.</summary>
    public const ulong Begin = 1UL << 52, End = 1UL << 53;

    public const ulong WindowBase = 0xFEE0_0000, WindowBytes = 0x10_0000;

    /// <summary>log2 of the bytes that an entry of a level covers.</summary>
    public static int ShiftOf(int level) => 3 + 9 * level;

    public static bool IsLeaf(ulong entry, int level) => level == 1 || (entry & PageSize) != 0;

    /// <summary>The byte lies in the interrupt window.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool InWindow(ulong address) => address - WindowBase < WindowBytes;

    /// <summary>Bits [first, end).</summary>
    public static ulong Bits(int first, int end) => ((1UL << (end - first)) - 1) << first;
}
