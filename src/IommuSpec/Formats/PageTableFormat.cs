using System.Collections.Immutable;

namespace IommuSpec.Formats;

/// <summary>
/// A page-table format under one platform: its tables of bits, what follows from them, and the fault reasons that its
/// walk reports. Level 0 is the table of 4 KiB leaves; an entry at level n covers 2^(12 + 9n) bytes.
/// </summary>
public abstract record PageTableFormat(Platform Platform)
{
    /// <summary>Entries of a table: 2^9 of 8 bytes. Source: VT-d 3.7, 9.8; x86-64.</summary>
    public const int IndexBits = 9;

    /// <summary>The level of the root table of the deepest tables: 5 levels.</summary>
    public const int HighestLevel = 4;

    /// <summary>The reserved bits of table entries at levels 0 to 4, then of leaves at levels 0 to 4, from the tables of bits.</summary>
    private ImmutableArray<ulong> ReservedMasks { get; init; } = [];

    /// <summary>The format of a platform's tables. Legacy-mode context entries lead to second-stage tables, whatever else is declared.</summary>
    public static PageTableFormat Of(Platform platform)
    {
        PageTableFormat format = platform.Format == TableFormat.X86FirstStage && platform.Contexts != ContextMode.VtdLegacy
            ? new X86FirstStage(platform)
            : new VtdSecondStage(platform);
        IEnumerable<int> levels = Enumerable.Range(0, HighestLevel + 1);
        return format with
        {
            ReservedMasks =
            [
                .. levels.Select(level => BitField.ReservedMask(format.Fields(level, leaf: false))),
                .. levels.Select(level => level <= 2 ? BitField.ReservedMask(format.Fields(level, leaf: true)) : 0),
            ],
        };
    }

    /// <summary>Size of what an entry at <paramref name="level"/> covers, as a power of two.</summary>
    public static int SpanLg2(int level) => Platform.GranuleLg2 + (IndexBits * level);

    /// <summary>Where the entry for <paramref name="iova"/> stands in a table at <paramref name="table"/>.</summary>
    public static ulong EntryAddress(ulong table, int level, ulong iova) =>
        table + (8 * Bits.Field(iova, SpanLg2(level) + IndexBits - 1, SpanLg2(level)));

    /// <summary>The bits of an entry that is or is not a leaf, at <paramref name="level"/>, high to low.</summary>
    public abstract ImmutableArray<BitField> Fields(int level, bool leaf);

    /// <summary>Whether the entry is a leaf: always at level 0, by its PS bit where large pages may stand.</summary>
    public static bool IsLeaf(int level, ulong entry) => level == 0 || (level <= 2 && (entry & PageSizeBit) != 0);

    /// <summary>Whether leaves of this level exist on the platform.</summary>
    public bool HasLeaves(int level) => level switch { 0 => true, 1 => Platform.Pages2M, 2 => Platform.Pages1G, _ => false };

    /// <summary>Why an entry alone stops an access before its reserved bits are looked at; null if it does not.</summary>
    public abstract (byte Reason, RuleId Rule)? NoPermission(ulong entry, AccessKind kind);

    /// <summary>Whether the entry counts as present.</summary>
    public abstract bool IsPresent(ulong entry);

    /// <summary>Whether an IOVA lies in the input range of tables with this many levels.</summary>
    public abstract bool InRange(int levelCount, ulong iova);

    /// <summary>What hardware must find set in an entry that an access used, and sets if it is not.</summary>
    public abstract ulong AccessedBits(bool leaf, AccessKind kind);

    /// <summary>Whether hardware sets bits in entries at all.</summary>
    public bool SetsBits => AccessedBits(leaf: true, AccessKind.Write) != 0;

    /// <summary>The reason for an access that no mapping answers.</summary>
    public abstract byte NotMapped(AccessKind kind);

    /// <summary>The reason for an access that its mapping does not permit.</summary>
    public abstract byte NotPermitted(AccessKind kind);

    public abstract byte Reserved { get; }

    /// <summary>The root table could not be read.</summary>
    public abstract byte RootUnreadable { get; }

    /// <summary>A table that an entry points to could not be read.</summary>
    public abstract byte EntryUnreadable { get; }

    public abstract byte OutOfInputRange { get; }

    /// <summary>An untranslated address that is wider than the platform's.</summary>
    public abstract byte TooWide { get; }

    public abstract byte OutputInWindow { get; }

    private const ulong PageSizeBit = 1 << 7;

    /// <summary>Bits of an entry that must be 0.</summary>
    public ulong ReservedMask(int level, bool leaf) => ReservedMasks[leaf ? HighestLevel + 1 + level : level];

    /// <summary>The address field of an entry: of the next table, or of the page.</summary>
    public ulong Address(int level, bool leaf, ulong entry) =>
        entry & Bits.Span(Platform.PhysicalBits - 1, leaf ? SpanLg2(level) : Platform.GranuleLg2);

    /// <summary>Physical address bits that the platform does not have, up to bit 51, are reserved in every entry.</summary>
    protected BitField BeyondPhysical => new("above HAW", 51, Platform.PhysicalBits, Use.Reserved);

    /// <summary>Low address bits of a large page.</summary>
    protected static BitField BelowPage(int level, int low) => new("below page size", SpanLg2(level) - 1, low, Use.Reserved);
}
