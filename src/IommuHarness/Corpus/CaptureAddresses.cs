using IommuSpec;

namespace IommuHarness.Corpus;

/// <summary>Which addresses of a space are tried.</summary>
internal static class CaptureAddresses
{
    // Large pages are read with more of the IOVA: more places in them are tried.
    private const int LargePageSampleCount = 8;

    /// <summary>The first, the last and an irregular byte of every page, and more inside large pages.</summary>
    public static IEnumerable<ulong> Mapped(CaptureSpace space)
    {
        foreach (CaptureMapping run in space.Mappings)
            for (ulong done = 0; done < run.Length; done += run.PageSize)
            {
                ulong page = run.Iova + done;
                yield return page;
                yield return page + (run.PageSize - 1);
                int samples = run.PageSize > Platform.Granule ? LargePageSampleCount : 1;
                for (ulong i = 0; i < (ulong)samples; i++)
                    yield return page + Irregular(page, i, run.PageSize);
            }
    }

    /// <summary>Around every run, in the middle of every hole, and the ends of everything that has an end.</summary>
    public static IEnumerable<ulong> Around(CaptureSpace? space, int widthBits)
    {
        ulong after = 0;
        foreach (CaptureMapping run in space?.Mappings.OrderBy(m => m.Iova) ?? Enumerable.Empty<CaptureMapping>())
        {
            yield return unchecked(run.Iova - 1);
            yield return unchecked(run.Iova + run.Length);
            yield return run.Iova > after ? after + ((run.Iova - after) / 2) : after;
            after = unchecked(run.Iova + run.Length);
        }
        foreach (ulong end in Ends(widthBits))
        {
            yield return unchecked(end - 1);
            yield return end;
            yield return unchecked(end + 0xfff);
        }
    }

    // Where tables, input ranges, halves of canonical spaces and the interrupt window begin or end. 0 stands for 2^64 too.
    private static IEnumerable<ulong> Ends(int widthBits)
    {
        yield return 0;
        for (int bit = 21; bit < 64; bit += 9)
            yield return 1UL << bit;
        yield return 1UL << (widthBits - 1);
        yield return widthBits == 64 ? 0 : 1UL << widthBits;
        yield return unchecked(0UL - (1UL << 47));
        yield return unchecked(0UL - (1UL << 48));
        yield return 0xfee0_0000;
        yield return 0xfef0_0000;
        yield return 1UL << 52;
    }

    // A fixed scattering (the multiplier is the golden ratio's): the same bytes in every run.
    private static ulong Irregular(ulong page, ulong index, ulong pageSize) =>
        (unchecked((page + index + 1) * 0x9e37_79b9_7f4a_7c15) >> 11) & (pageSize - 1);
}
