using IommuSpec;

namespace IommuHarness.Generate;

/// <summary>
/// Addresses and lengths where something changes on a platform. Random integers never reach a boundary; these are nothing
/// but boundaries, and what lies next to them.
/// </summary>
internal sealed class Places
{
    private const ulong Granule = Platform.Granule;
    private const ulong Size2M = 1UL << 21;
    private const ulong Size1G = 1UL << 30;
    internal const ulong InterruptFirst = 0xfee00000;

    /// <summary>The first address after the interrupt window.</summary>
    internal const ulong InterruptEnd = 0xfef00000;

    private readonly ulong[] edges = new ulong[32];
    private readonly ulong[] validEdges = new ulong[32];
    private int edgeCount;
    private int validCount;
    private Platform? platform;

    /// <summary>Whether input is sign-extended (first stage) rather than zero-extended.</summary>
    private bool signed;

    /// <summary>Input addresses have so many bits; first stage, the sign included.</summary>
    internal int InputBits { get; private set; }

    /// <summary>Physical addresses that lead anywhere have so many bits.</summary>
    internal int PhysicalBits { get; private set; }

    /// <summary>Works the boundaries out, once for each platform.</summary>
    internal void Use(Platform next)
    {
        if (ReferenceEquals(platform, next))
            return;
        platform = next;
        signed = next.Format == TableFormat.X86FirstStage;
        PhysicalBits = Math.Min(next.PhysicalBits, next.MemoryBits);
        int treeBits = 12 + 9 * (next.Contexts == ContextMode.VtdLegacy ? WidestLevelCount(next.SupportedWidths) : next.LevelCount);
        InputBits = signed ? treeBits : Math.Min(treeBits, next.IovaBits);
        edgeCount = validCount = 0;
        AddEdge(0);
        foreach (int bits in (ReadOnlySpan<int>)[21, 30, 32, 39, 47, 48, 56, 57, next.PhysicalBits, InputBits])
            AddEdge(1UL << bits);
        AddEdge(InterruptFirst);
        AddEdge(InterruptEnd);
        AddEdge(unchecked(0 - (1UL << (treeBits - 1))));
        AddEdge(unchecked(0 - Size1G));
        AddEdge(1UL << 63);
    }

    /// <summary>Whether every byte of the range is one that a domain's tables can map.</summary>
    internal bool IsInput(ulong first, ulong length)
    {
        if (length == 0 || AddressRange.Wraps(first, length))
            return false;
        ulong last = first + (length - 1);
        if (!signed)
            return last >> (InputBits - 1) >> 1 == 0;
        ulong top = first >> (InputBits - 1);
        return top == last >> (InputBits - 1) && (top == 0 || top == Bits.Mask(65 - InputBits));
    }

    /// <summary>A granule where scenarios may do things: a boundary in <paramref name="edgePercent"/> of a hundred, else anywhere.</summary>
    internal ulong Base(Choices choices, int edgePercent)
    {
        if (choices.Percent(edgePercent))
        {
            bool valid = choices.Percent(70);
            ulong edge = choices.Pick<ulong>((valid ? validEdges : edges).AsSpan(0, valid ? validCount : edgeCount));
            ulong away = (ulong)choices.Below(4) * Granule;
            ulong below = unchecked(edge - away);
            return !valid || IsInput(below, Granule) ? below : unchecked(edge + away);
        }

        if (choices.OneIn(2))
            return 0x10000 + choices.Bits(4) * Granule;
        ulong random = choices.Bits(InputBits - (signed ? 1 : 0)) & ~(Granule - 1);
        if (signed && choices.OneIn(3))
            random |= ~Bits.Mask(InputBits - 1);
        return random;
    }

    /// <summary>Bytes to map, mostly a few granules.</summary>
    internal static ulong Length(Choices choices) => choices.Below(16) switch
    {
        < 6 => Granule,
        < 11 => Granule * (ulong)choices.Between(2, 4),
        < 13 => Granule * (ulong)choices.Between(5, 17),
        13 => Size2M,
        14 => Size2M + (choices.OneIn(2) ? Granule : unchecked(0 - Granule)),
        _ => Size2M * (ulong)choices.Between(1, 3) + Granule * (ulong)choices.Below(3),
    };

    /// <summary>Bytes to map where large pages are wanted.</summary>
    internal static ulong LargeLength(Choices choices) => choices.Below(12) switch
    {
        < 5 => Size2M,
        5 => Size2M + Granule,
        6 => Size2M - Granule,
        7 => 2 * Size2M + Granule * (ulong)choices.Below(3),
        8 => Size1G,
        9 => Size1G + Size2M,
        10 => Size1G - Size2M,
        _ => Size1G + Size2M + Granule,
    };

    /// <summary>A length that is seldom right.</summary>
    internal static ulong OddLength(Choices choices) => choices.Below(12) switch
    {
        0 => 0,
        1 => 1,
        2 => Granule - 1,
        3 => Granule + 1,
        4 => ulong.MaxValue,
        5 => unchecked(0 - Granule),
        6 => 1UL << 63,
        7 => Size2M + 1,
        8 => Size1G,
        9 => 1UL << choices.Below(64),
        10 => Platform.LongestAccess + 1,
        _ => Granule * (ulong)choices.Between(1, 40),
    };

    /// <summary>Bytes of a device's access, mostly a bus word.</summary>
    internal static ulong AccessLength(Choices choices) => choices.Below(32) switch
    {
        < 12 => 8,
        < 17 => 1,
        < 21 => 4,
        < 24 => 64,
        < 26 => Granule,
        26 => 2 * Granule,
        27 => 3 * Granule + 2,
        28 => Platform.LongestAccess,
        29 => choices.OneIn(4) ? Platform.LongestAccess + 1 : Granule + 1,
        30 => choices.OneIn(4) ? 0UL : 2,
        _ => choices.OneIn(8) ? OddLength(choices) : 16,
    };

    /// <summary>Physical granules that lead nowhere special, to the top, beyond it, or to the interrupt window.</summary>
    internal ulong Physical(Choices choices, ulong length) => choices.Below(24) switch
    {
        < 12 => 0x30000 + choices.Bits(5) * Granule,
        < 17 => choices.Bits(PhysicalBits) & ~(Granule - 1),
        < 20 => unchecked((1UL << PhysicalBits) - length) & ~(Granule - 1),
        20 => unchecked((1UL << PhysicalBits) - (ulong)choices.Below(3) * Granule),
        21 => InterruptFirst - (ulong)choices.Below(3) * Granule,
        22 => InterruptEnd - (ulong)choices.Below(3) * Granule,
        _ => choices.OneIn(8) ? choices.Next() & ~(Granule - 1) : 0UL,
    };

    /// <summary>The largest number of levels that a set of supported widths allows (bit 1 is 3 levels).</summary>
    private static int WidestLevelCount(int supportedWidths) =>
        (supportedWidths & 8) != 0 ? 5 : (supportedWidths & 4) != 0 ? 4 : 3;

    private void AddEdge(ulong address)
    {
        edges[edgeCount++] = address;
        if (IsInput(address, Granule) || (address != 0 && IsInput(address - Granule, Granule)))
            validEdges[validCount++] = address;
    }
}
