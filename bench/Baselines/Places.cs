using IommuHarness.Generate;

namespace IommuVerify.Bench;

/// <summary>The addresses that every contestant of a benchmark is asked for.</summary>
public static class Places
{
    /// <summary>First IOVA mapped: beyond the interrupt window, a multiple of 1 GiB.</summary>
    public const ulong First = 0x1_0000_0000;

    /// <summary>First physical address mapped to.</summary>
    public const ulong FirstFrame = 0x2_0000_0000;

    /// <summary>Addresses asked for in one invocation.</summary>
    public const int PerRound = 4096;

    /// <summary>Physical address of the i-th page.</summary>
    public static ulong Frame(int page) => FirstFrame + ((ulong)page << 12);

    /// <summary>An address that cannot be known before the answer before it: no physical address has bit 63.</summary>
    public static ulong After(ulong iova, ulong physical) => iova + (physical >> 63);

    /// <summary>
    /// Bytes in pages at random: enough to meet most cache lines of the leaves, and few enough to leave the caches to the tables.
    /// For the largest tables a million, which is 64 MiB of lines, so that asking again does not find them in a cache.
    /// </summary>
    public static ulong[] AtRandom(int pageCount)
    {
        var choices = new Choices(1);
        var iovas = new ulong[Math.Clamp(pageCount / 4, PerRound, 1 << 20)];
        foreach (ref var iova in iovas.AsSpan())
            iova = First + ((ulong)choices.Below(pageCount) << 12) + choices.Bits(12);
        return iovas;
    }
}

/// <summary>Goes through the addresses, a round at a time.</summary>
/// <param name="iovas">Addresses; their number is a multiple of <see cref="Places.PerRound"/>.</param>
public sealed class Rounds(ulong[] iovas)
{
    private int _at;

    public ReadOnlySpan<ulong> Next()
    {
        var round = iovas.AsSpan(_at, Places.PerRound);
        _at = (_at + Places.PerRound) % iovas.Length;
        return round;
    }
}
