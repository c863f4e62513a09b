using System.Globalization;
using IommuSpec;

namespace IommuVerify.Tests.Properties.Support;

/// <summary>What a bit of an entry does, as far as a device can tell.</summary>
internal enum BitUse
{
    Ignored,
    Reserved,
    Address,

    /// <summary>Cleared, nothing is there.</summary>
    Present,
    Readable,
    Writable,
    User,

    /// <summary>Set, the entry is a large page; cleared, it leads to a table.</summary>
    PageSize,
}

/// <summary>
/// Paging, root and context entries, transcribed from the manual's tables (VT-d 9.1, 9.3, 9.8) a third time: neither the
/// specification's tables of bits nor the implementation's masks had a part in it. Levels are the sheet's: level 1 has the 4 KiB leaves.
/// </summary>
internal static class FormatSheet
{
    // Each row: high and low bit, then i ignored, r reserved, a address, p present, R read, W write, u user, s page size;
    // n and t are reserved without snoop control and without device TLBs, x without execute-disable.
    private const string SecondTable = "63-63i 62-62r 61-52i 51-12a 11-11r 10-8i 7-7s 6-2i 1-1W 0-0R";
    private const string SecondUpperTable = "63-63i 62-62r 61-52i 51-12a 11-11r 10-8i 7-7r 6-2i 1-1W 0-0R";
    private const string SecondSmall = "63-63i 62-62t 61-52i 51-12a 11-11n 10-2i 1-1W 0-0R";
    private const string SecondLarge2M = "63-63i 62-62t 61-52i 51-21a 20-12r 11-11n 10-8i 7-7s 6-2i 1-1W 0-0R";
    private const string SecondLarge1G = "63-63i 62-62t 61-52i 51-30a 29-12r 11-11n 10-8i 7-7s 6-2i 1-1W 0-0R";

    private const string FirstTable = "63-63x 62-52i 51-12a 11-8i 7-7s 6-3i 2-2u 1-1W 0-0p";
    private const string FirstUpperTable = "63-63x 62-52i 51-12a 11-8i 7-7r 6-3i 2-2u 1-1W 0-0p";
    private const string FirstSmall = "63-63x 62-52i 51-12a 11-3i 2-2u 1-1W 0-0p";
    private const string FirstLarge2M = "63-63x 62-52i 51-21a 20-13r 12-8i 7-7s 6-3i 2-2u 1-1W 0-0p";
    private const string FirstLarge1G = "63-63x 62-52i 51-30a 29-13r 12-8i 7-7s 6-3i 2-2u 1-1W 0-0p";

    /// <summary>What each bit of a paging entry does, by its number.</summary>
    public static BitUse[] Entry(Platform platform, int level, bool leaf) => Uses(platform, (platform.Format, level, leaf) switch
    {
        (TableFormat.VtdSecondStage, 1, true) => SecondSmall,
        (TableFormat.VtdSecondStage, 2, true) => SecondLarge2M,
        (TableFormat.VtdSecondStage, _, true) => SecondLarge1G,
        (TableFormat.VtdSecondStage, <= 3, false) => SecondTable,
        (TableFormat.VtdSecondStage, _, false) => SecondUpperTable,
        (_, 1, true) => FirstSmall,
        (_, 2, true) => FirstLarge2M,
        (_, _, true) => FirstLarge1G,
        (_, <= 3, false) => FirstTable,
        _ => FirstUpperTable,
    });

    /// <summary>Bits that grant everything: R and W, or P, R/W and U/S.</summary>
    public static ulong AllRights(Platform platform) => platform.Format == TableFormat.VtdSecondStage ? 0b11u : 0b111u;

    public static byte Reserved(Platform platform) => (byte)(platform.Format == TableFormat.VtdSecondStage ? 0x0c : 0x72);

    public static byte BeyondInput(Platform platform) => (byte)(platform.Format == TableFormat.VtdSecondStage ? 0x04 : 0x80);

    /// <summary>Nothing there, for a read and a write.</summary>
    public static byte Absent(Platform platform, AccessKind kind) =>
        (byte)(platform.Format != TableFormat.VtdSecondStage ? 0x71 : kind == AccessKind.Read ? 0x06 : 0x05);

    /// <summary>The reason why one access is stopped by an entry that lacks a bit; null where it is not.</summary>
    public static byte? Missing(Platform platform, BitUse bit, AccessKind kind) => (bit, kind) switch
    {
        (BitUse.Present, _) => 0x71,
        (BitUse.User, _) => 0x81,
        (BitUse.Readable, AccessKind.Read) => 0x06,
        (BitUse.Writable, AccessKind.Write) => (byte)(platform.Format == TableFormat.VtdSecondStage ? 0x05 : 0x85),
        _ => null,
    };

    private static BitUse[] Uses(Platform platform, string rows)
    {
        BitUse[] uses = new BitUse[64];
        foreach (string row in rows.Split(' '))
        {
            string[] ends = row[..^1].Split('-');
            for (int bit = int.Parse(ends[1], CultureInfo.InvariantCulture); bit <= int.Parse(ends[0], CultureInfo.InvariantCulture); bit++)
                uses[bit] = Use(platform, row[^1], bit);
        }

        return uses;
    }

    private static BitUse Use(Platform platform, char letter, int bit) => letter switch
    {
        'r' => BitUse.Reserved,
        'a' => bit < platform.PhysicalBits ? BitUse.Address : BitUse.Reserved,
        'p' => BitUse.Present,
        'R' => BitUse.Readable,
        'W' => BitUse.Writable,
        'u' => BitUse.User,
        's' => BitUse.PageSize,
        'n' => platform.SnoopControl ? BitUse.Ignored : BitUse.Reserved,
        't' => platform.DeviceTlb ? BitUse.Ignored : BitUse.Reserved,
        'x' => platform.NoExecute ? BitUse.Ignored : BitUse.Reserved,
        _ => BitUse.Ignored,
    };
}
