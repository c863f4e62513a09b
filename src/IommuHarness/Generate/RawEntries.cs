using IommuSpec;

namespace IommuHarness.Generate;

/// <summary>What a word of memory is, in a structure that the generator built.</summary>
internal enum WordKind : byte
{
    RootLow,
    RootHigh,
    ContextLow,
    ContextHigh,
    Entry,
}

/// <summary>
/// What to poke: the bits of VT-d's structures, transcribed for the generator alone, so that neither the specification's nor the
/// implementation's transcription can hide a mistake in itself. Source: VT-d specification, legacy-mode root and context
/// entries, second-stage and first-stage paging entries.
/// </summary>
internal static class RawEntries
{
    internal const ulong AddressMask = 0x000f_ffff_ffff_f000;
    internal const ulong LargePage = 1UL << 7;

    internal const ulong ContextPresent = 1;
    internal const ulong ContextFaultDisable = 2;

    private const ulong Read = 1;
    private const ulong Write = 2;
    private const ulong Snoop = 1UL << 11;
    private const ulong Transient = 1UL << 62;
    private const ulong Present = 1;
    private const ulong Writable = 2;
    private const ulong User = 4;
    private const ulong Accessed = 1UL << 5;
    private const ulong Dirty = 1UL << 6;
    private const ulong ExecuteDisable = 1UL << 63;

    internal static bool IsFirstStage(Platform platform) => platform.Format == TableFormat.X86FirstStage;

    /// <summary>The entry's place in its table; level 1 holds 4 KiB leaves.</summary>
    internal static ulong Offset(ulong iova, int level) => ((iova >> (3 + 9 * level)) & 0x1ff) * 8;

    /// <summary>Bits of an address that one entry of the level covers.</summary>
    internal static int SizeLg2(int level) => 3 + 9 * level;

    internal static bool LeafFits(Platform platform, int level) => level switch
    {
        1 => true,
        2 => platform.Pages2M || IsFirstStage(platform),
        3 => platform.Pages1G,
        _ => false,
    };

    internal static ulong Table(Platform platform, ulong table) =>
        table | (IsFirstStage(platform) ? Present | Writable | User : Read | Write);

    internal static ulong Leaf(Platform platform, int level, ulong physical, bool read, bool write)
    {
        ulong bits = IsFirstStage(platform)
            ? Present | User | (write ? Writable : 0)
            : (read ? Read : 0) | (write ? Write : 0);
        return physical | bits | (level > 1 ? LargePage : 0);
    }

    /// <summary>Whether an entry leads to another table.</summary>
    internal static bool IsTable(ulong entry, int level) => level > 1 && (entry & 3) != 0 && (level > 3 || (entry & LargePage) == 0);

    /// <summary>Bits that a walk ignores: software's own, and memory types.</summary>
    internal static ulong Ignored(Platform platform, bool leaf) => IsFirstStage(platform)
        ? Bits.Span(62, 52) | Bits.Span(4, 3) | (leaf ? 1UL << 8 : 0) | (1UL << 9) | (1UL << 11)
        : Bits.Span(61, 52) | (1UL << 63) | Bits.Span(6, 2) | Bits.Span(10, 8);

    /// <summary>Bits that this kind of leaf or a capability makes legal and that change nothing about where an access lands.</summary>
    internal static ulong Defined(Platform platform, int level, bool leaf)
    {
        if (!leaf)
            return IsFirstStage(platform) && platform.NoExecute ? ExecuteDisable : 0;
        if (IsFirstStage(platform))
            return (level == 1 ? LargePage : 1UL << 12) | (platform.NoExecute ? ExecuteDisable : 0);
        return (level == 1 ? LargePage : 0) | (platform.SnoopControl ? Snoop : 0) | (platform.DeviceTlb ? Transient : 0);
    }

    /// <summary>Bits, one of which set makes an entry invalid.</summary>
    internal static ulong Reserved(Platform platform, int level, bool leaf)
    {
        ulong mask = Bits.Span(51, platform.PhysicalBits) & AddressMask;
        if (level >= 4 || (level == 3 && !platform.Pages1G) || (level == 2 && !platform.Pages2M && !IsFirstStage(platform)))
            mask |= LargePage;
        if (leaf && level > 1)
            mask |= Bits.Span(SizeLg2(level) - 1, IsFirstStage(platform) ? 13 : 12);
        if (IsFirstStage(platform))
            return platform.NoExecute ? mask : mask | ExecuteDisable;
        if (!leaf || !platform.SnoopControl)
            mask |= Snoop;
        return leaf && platform.DeviceTlb ? mask : mask | Transient;
    }

    /// <summary>Bits that decide what a device may do there, or what the hardware writes.</summary>
    internal static ulong Rights(Platform platform) => IsFirstStage(platform) ? Present | Writable | User | Accessed | Dirty : Read | Write;

    internal static ulong ContextLow(ulong root, int translationType, bool faultDisable) =>
        root | ((ulong)translationType << 2) | (faultDisable ? ContextFaultDisable : 0) | ContextPresent;

    /// <summary>Levels 3 to 5 are address widths 1 to 3.</summary>
    internal static ulong ContextHigh(int levelCount, ushort domainId) => (uint)(levelCount - 2) | ((ulong)domainId << 8);

    /// <summary>A fitting way to spoil a word of that kind so that one rule is broken.</summary>
    internal static ulong Spoil(Choices choices, Platform platform, WordKind kind, int level, ulong value)
    {
        switch (kind)
        {
            case WordKind.RootLow:
                return choices.OneIn(3) ? value & ~1UL : value ^ (1UL << choices.Between(1, 11));
            case WordKind.RootHigh:
                return value ^ (1UL << choices.Below(64));
            case WordKind.ContextLow:
                return SpoilContextLow(choices, platform, value);
            case WordKind.ContextHigh:
                int bit = choices.OneIn(2) ? choices.Between(24, 63) : choices.OneIn(3) ? 7 : choices.Below(3);
                return value ^ (1UL << bit);
            default:
                bool leaf = !IsTable(value, level);
                ulong reserved = Reserved(platform, level, leaf);
                return choices.OneIn(2) && reserved != 0
                    ? value ^ OneOf(choices, reserved)
                    : choices.OneIn(4) ? 0 : value & ~OneOf(choices, Rights(platform) & 7);
        }
    }

    /// <summary>One bit of a mask that has at least one.</summary>
    internal static ulong OneOf(Choices choices, ulong mask)
    {
        for (int skip = choices.Below(System.Numerics.BitOperations.PopCount(mask)); skip > 0; skip--)
            mask &= mask - 1;
        return mask & (0 - mask);
    }

    private static ulong SpoilContextLow(Choices choices, Platform platform, ulong value) => choices.Below(6) switch
    {
        0 => value & ~ContextPresent,
        1 => value ^ (1UL << choices.Between(4, 11)),
        2 => value | 0b1100,
        3 => (value & ~0b1100UL) | 0b0100,
        4 => (value & ~0b1100UL) | 0b1000,
        _ => platform.PhysicalBits < 52 ? value ^ (1UL << choices.Between(platform.PhysicalBits, 63)) : value ^ (1UL << 63),
    };
}
