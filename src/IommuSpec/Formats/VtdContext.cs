using System.Collections.Immutable;

namespace IommuSpec.Formats;

/// <summary>The 128 bits of a legacy-mode root or context entry.</summary>
/// <param name="Low">The word at the lower address.</param>
/// <param name="High">The word 8 bytes above.</param>
public readonly record struct ContextWords(ulong Low, ulong High);

/// <summary>What a context entry's TT field asks for. Source: VT-d 9.3; VirtualBox include/VBox/iommu-intel.h.</summary>
public enum TranslationType
{
    Untranslated = 0,
    UntranslatedAndDeviceTlb = 1,
    PassThrough = 2,
    Reserved = 3,
}

/// <summary>
/// VT-d legacy-mode root entries (256 of 16 bytes, by bus) and context entries (256 of 16 bytes, by device and function).
/// Source: VT-d 9.1, 9.3; VirtualBox include/VBox/iommu-intel.h; Linux drivers/iommu/intel/iommu.h.
/// </summary>
public sealed record VtdContext(Platform Platform)
{
    private readonly ulong rootLowReserved = BitField.ReservedMask(RootLow(Platform));
    private readonly ulong rootHighReserved = BitField.ReservedMask(RootHigh);
    private readonly ulong contextLowReserved = BitField.ReservedMask(ContextLow(Platform));
    private readonly ulong contextHighReserved = BitField.ReservedMask(ContextHigh);

    public static ImmutableArray<BitField> RootLow(Platform platform) =>
    [
        AboveHaw(platform),
        new("CTP", platform.PhysicalBits - 1, 12),
        new("reserved", 11, 1, Use.Reserved),
        new("P", 0, 0),
    ];

    public static ImmutableArray<BitField> RootHigh => [new("reserved", 63, 0, Use.Reserved)];

    public static ImmutableArray<BitField> ContextLow(Platform platform) =>
    [
        AboveHaw(platform),
        new("SSPTPTR", platform.PhysicalBits - 1, 12),
        new("reserved", 11, 4, Use.Reserved),
        new("TT", 3, 2),
        new("FPD", 1, 1),
        new("P", 0, 0),
    ];

    public static ImmutableArray<BitField> ContextHigh =>
    [
        new("reserved", 63, 24, Use.Reserved),
        new("DID", 23, 8),
        new("reserved", 7, 7, Use.Reserved),
        new("ignored", 6, 3, Use.Ignored),
        new("AW", 2, 0),
    ];

    private static BitField AboveHaw(Platform platform) => new("above HAW", 63, platform.PhysicalBits, Use.Reserved);

    /// <summary>Where the root entry of a requester stands: index = bus.</summary>
    public static ulong RootEntryAddress(ulong rootTable, ushort requester) => rootTable + (16ul * Bits.Field(requester, 15, 8));

    /// <summary>Where the context entry of a requester stands: index = device and function.</summary>
    public static ulong ContextEntryAddress(ulong contextTable, ushort requester) => contextTable + (16ul * Bits.Field(requester, 7, 0));

    public static bool IsPresent(ContextWords entry) => (entry.Low & 1) != 0;

    public bool RootHasReserved(ContextWords entry) =>
        ((entry.Low & rootLowReserved) | (entry.High & rootHighReserved)) != 0;

    public bool ContextHasReserved(ContextWords entry) =>
        ((entry.Low & contextLowReserved) | (entry.High & contextHighReserved)) != 0;

    /// <summary>The next table: CTP of a root entry, SSPTPTR of a context entry.</summary>
    public ulong Pointer(ContextWords entry) => entry.Low & Bits.Span(Platform.PhysicalBits - 1, 12);

    /// <summary>FPD: qualified faults are not recorded.</summary>
    public static bool SuppressesFaults(ContextWords entry) => Bits.Field(entry.Low, 1, 1) != 0;

    public static TranslationType Type(ContextWords entry) => (TranslationType)Bits.Field(entry.Low, 3, 2);

    public static ushort DomainId(ContextWords entry) => (ushort)Bits.Field(entry.High, 23, 8);

    /// <summary>AW as it stands: 1 for 39 bits and 3 levels, 2 for 48 and 4, 3 for 57 and 5; others reserved.</summary>
    public static int AddressWidth(ContextWords entry) => (int)Bits.Field(entry.High, 2, 0);

    public static int LevelCount(ContextWords entry) => AddressWidth(entry) + 2;

    public bool WidthIsSupported(ContextWords entry) =>
        AddressWidth(entry) is 1 or 2 or 3 && (Platform.SupportedWidths >> AddressWidth(entry) & 1) != 0;

    public bool TypeIsSupported(ContextWords entry) => Type(entry) switch
    {
        TranslationType.Untranslated => true,
        TranslationType.UntranslatedAndDeviceTlb => Platform.DeviceTlb,
        TranslationType.PassThrough => Platform.PassThrough,
        _ => false,
    };
}
