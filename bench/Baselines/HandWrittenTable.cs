using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace IommuVerify.Bench;

/// <summary>What one translation says, as wide as the implementation's answer.</summary>
public readonly struct HandWrittenResult(ulong physical, byte reason)
{
    private readonly bool _interrupt = false;

    public ulong Physical => physical;

    public byte Reason => reason;

    public bool IsInterrupt => _interrupt;
}

/// <summary>
/// What somebody writes who needs VT-d second-stage tables of four levels and nothing else: one loop with the checks that the
/// implementation makes (context, input range, rights and reserved bits of each entry, table memory that exists, interrupt
/// window), and a map and an unmap that check for occupied and empty entries.
/// </summary>
public sealed unsafe class HandWrittenTable : IDisposable
{
    private const ulong AddressMask = 0x000F_FFFF_FFFF_F000, PageSize = 1 << 7;
    private const ulong TableReserved = 0x000F_C000_0000_0000 | 1 << 11 | 1UL << 62 | PageSize;
    private const ulong LeafReserved = 0x000F_C000_0000_0000 | 1UL << 62;
    private const ulong Base = 1UL << 45;
    private const uint Present = 0x1_0000;
    private readonly byte* _arena;
    private readonly ulong _bytes;
    private readonly uint[] _contextKeys = new uint[64];
    private ulong _used = 4096;

    /// <param name="pageCount">4 KiB pages that will be mapped at once, at most.</param>
    public HandWrittenTable(int pageCount)
    {
        _bytes = ((ulong)pageCount / 512 + (ulong)pageCount / (512 * 512) + 8) * 4096;
        _arena = TableMemory.Allocate((nuint)_bytes);
    }

    /// <summary>Gives a device a context.</summary>
    public void Attach(ushort requester) => _contextKeys[(requester ^ requester >> 6) & 63] = requester | Present;

    /// <summary>A read of one byte, the device's context looked up first.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public HandWrittenResult Walk(ushort requester, ulong iova) =>
        _contextKeys[(requester ^ requester >> 6) & 63] == (requester | Present) ? Walk(iova) : new HandWrittenResult(0, 0x02);

    /// <summary>A read of one byte, the context already known.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public HandWrittenResult Walk(ulong iova)
    {
        if (iova >> 48 != 0 || InWindow(iova))
            return new HandWrittenResult(0, 0x04);
        var offset = 0UL;
        for (var shift = 39; shift > 12; shift -= 9)
        {
            var entry = *(ulong*)(_arena + offset + (iova >> shift & 511) * 8);
            if ((entry & (1 | TableReserved)) != 1)
                return Unusual(entry);
            offset = (entry & AddressMask) - Base;
            if (offset >= _bytes)
                return Unusual(entry);
        }

        var leaf = *(ulong*)(_arena + offset + (iova >> 12 & 511) * 8);
        var physical = leaf & AddressMask | iova & 0xFFF;
        return (leaf & (1 | LeafReserved)) != 1 || InWindow(physical) ? Unusual(leaf) : new HandWrittenResult(physical, 0);
    }

    /// <summary>Maps a run that lies in one 2 MiB region, readable and writable. False when occupied.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public bool TryMap(ulong iova, ulong physical, int count)
    {
        if (((iova | physical) & 0xFFF) != 0 || iova >> 48 != 0)
            return false;
        var entries = Leaves(iova);
        for (var i = 0; i < count; i++)
        {
            if (entries[i] != 0)
                return false;
        }

        for (var i = 0; i < count; i++)
            entries[i] = (physical | 3) + (ulong)i * 4096;
        return true;
    }

    /// <summary>Unmaps a run that lies in one 2 MiB region up to the first hole. Returns bytes.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public ulong Unmap(ulong iova, int count)
    {
        var entries = Leaves(iova);
        var i = 0;
        for (; i < count && entries[i] != 0; i++)
            entries[i] = 0;
        return (ulong)i * 4096;
    }

    /// <summary>Walks to a leaf and stores it, no questions asked. Returns what it was.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public ulong Store(ulong iova, ulong leaf)
    {
        var entry = Leaves(iova);
        var old = *entry;
        *entry = leaf;
        return old;
    }

    public void Dispose() => NativeMemory.AlignedFree(_arena);

    private ulong* Leaves(ulong iova)
    {
        var table = _arena;
        for (var shift = 39; shift > 12; shift -= 9)
        {
            var entry = (ulong*)table + (iova >> shift & 511);
            if (*entry == 0)
            {
                *entry = Base + _used | 3;
                _used += 4096;
            }

            table = _arena + ((*entry & AddressMask) - Base);
        }

        return (ulong*)table + (iova >> 12 & 511);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static HandWrittenResult Unusual(ulong entry) => new(0, (byte)((entry & 1) == 0 ? 0x06 : 0x0C));

    private static bool InWindow(ulong address) => address - 0xFEE0_0000 < 0x10_0000;
}
