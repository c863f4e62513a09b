using System.Collections.Immutable;

namespace IommuHarness.Corpus;

/// <summary>How what two sides map compares, in bytes.</summary>
/// <param name="Same">Mapped by both to the same place with the same rights.</param>
/// <param name="Elsewhere">Mapped by both, to different places.</param>
/// <param name="OtherRights">Mapped by both to the same place with different rights.</param>
/// <param name="OnlyFirst">Mapped by the first side alone.</param>
/// <param name="OnlySecond">Mapped by the second side alone.</param>
public readonly record struct RunComparison(ulong Same, ulong Elsewhere, ulong OtherRights, ulong OnlyFirst, ulong OnlySecond)
{
    public bool IsEqual => Elsewhere == 0 && OtherRights == 0 && OnlyFirst == 0 && OnlySecond == 0;

    /// <summary>Compares two lists of runs; sizes of leaves do not count.</summary>
    /// <param name="first">Ascending by IOVA and disjoint, below 2^64 - 1.</param>
    /// <param name="second">Likewise.</param>
    public static RunComparison Of(ImmutableArray<CaptureMapping> first, ImmutableArray<CaptureMapping> second)
    {
        var result = default(RunComparison);
        (int i, int j, ulong at) = (0, 0, 0);
        while (i < first.Length || j < second.Length)
        {
            // The piece from at on in which neither side changes; the bounds are inclusive, as runs may end at the top.
            CaptureMapping? a = i < first.Length ? first[i] : null;
            CaptureMapping? b = j < second.Length ? second[j] : null;
            at = Math.Max(at, Math.Min(a?.Iova ?? ulong.MaxValue, b?.Iova ?? ulong.MaxValue));
            bool inA = a is not null && a.Iova <= at, inB = b is not null && b.Iova <= at;
            ulong last = Math.Min(LastUnchanged(a, inA), LastUnchanged(b, inB));
            result = result.Add(inA ? a : null, inB ? b : null, at, last - at + 1);
            i += inA && Last(a!) == last ? 1 : 0;
            j += inB && Last(b!) == last ? 1 : 0;
            at = last + 1;
        }
        return result;
    }

    private RunComparison Add(CaptureMapping? a, CaptureMapping? b, ulong at, ulong length) =>
        a is null ? this with { OnlySecond = OnlySecond + length }
        : b is null ? this with { OnlyFirst = OnlyFirst + length }
        : a.Physical + (at - a.Iova) != b.Physical + (at - b.Iova) ? this with { Elsewhere = Elsewhere + length }
        : a.Rights != b.Rights ? this with { OtherRights = OtherRights + length }
        : this with { Same = Same + length };

    private static ulong LastUnchanged(CaptureMapping? run, bool inside) =>
        run is null ? ulong.MaxValue : inside ? Last(run) : run.Iova - 1;

    private static ulong Last(CaptureMapping run) => run.Iova + (run.Length - 1);
}
