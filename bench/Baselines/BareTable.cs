using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace IommuVerify.Bench;

/// <summary>
/// A four-level table whose entries are native pointers, laid out page by page as the implementation lays out its own: the
/// limit of a walk is loading one entry of each level, each address depending on the load before.
/// </summary>
public sealed unsafe class BareTable : IDisposable
{
    private const int MostLanes = 32;
    private readonly byte* _arena;
    private readonly ulong* _root;
    private nuint _used;

    /// <param name="first">IOVA of the first page, a multiple of 2 MiB.</param>
    /// <param name="pageCount">4 KiB pages.</param>
    public BareTable(ulong first, int pageCount)
    {
        var tableCount = pageCount / 512 + pageCount / (512 * 512) + 8;
        _arena = TableMemory.Allocate((nuint)tableCount * 4096);
        _root = Table();
        for (var i = 0; i < pageCount; i++)
        {
            var iova = first + ((ulong)i << 12);
            var table = _root;
            for (var shift = 39; shift > 12; shift -= 9)
            {
                var entry = table + (iova >> shift & 511);
                if (*entry == 0)
                    *entry = (ulong)Table();
                table = (ulong*)*entry;
            }

            table[iova >> 12 & 511] = Places.Frame(i);
        }
    }

    /// <summary>Four dependent loads.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Walk(ulong iova)
    {
        var table = (ulong*)_root[iova >> 39 & 511];
        table = (ulong*)table[iova >> 30 & 511];
        table = (ulong*)table[iova >> 21 & 511];
        return table[iova >> 12 & 511];
    }

    /// <summary>Four dependent loads for each address, 32 at most, level by level, so that their misses overlap.</summary>
    [SkipLocalsInit]
    public ulong WalkTogether(ReadOnlySpan<ulong> iovas)
    {
        var tables = stackalloc ulong*[MostLanes];
        for (var lane = 0; lane < iovas.Length; lane++)
            tables[lane] = (ulong*)_root[iovas[lane] >> 39 & 511];
        for (var shift = 30; shift > 12; shift -= 9)
        {
            for (var lane = 0; lane < iovas.Length; lane++)
                tables[lane] = (ulong*)tables[lane][iovas[lane] >> shift & 511];
        }

        ulong sum = 0;
        for (var lane = 0; lane < iovas.Length; lane++)
            sum += tables[lane][iovas[lane] >> 12 & 511];
        return sum;
    }

    public void Dispose() => NativeMemory.AlignedFree(_arena);

    private ulong* Table()
    {
        var table = _arena + _used;
        _used += 4096;
        return (ulong*)table;
    }
}
