using IommuHarness.Generate;
using IommuHarness.Targets;
using IommuSpec;
using IommuVerify.Tests.Properties.Support;
using Xunit;
using Impl = IommuImpl;

namespace IommuVerify.Tests.Properties;

/// <summary>The implementation maps a range with as few leaves as there can be, and with no byte too many.</summary>
public sealed class PageSizeLaws
{
    private const ulong Granule = 0x1000;
    private const ulong Size2M = 1UL << 21;
    private const ulong Size1G = 1UL << 30;

    // where ranges begin: at, before and after what large pages align to
    private static readonly ulong[] Starts = [0, Granule, Size2M - Granule, Size2M, Size2M + 3 * Granule, Size1G - Size2M, Size1G - Granule, Size1G];
    private static readonly ulong[] Lengths = [Granule, 3 * Granule, Size2M - Granule, Size2M, Size2M + Granule, 2 * Size2M - Granule, 3 * Size2M + 5 * Granule];

    // how far a physical address is from its IOVA: what large pages may be apart, and what they may not
    private static readonly ulong[] Distances = [0, Granule, Size2M, Size2M + Granule, Size1G, Size1G + Size2M];

    [Theory]
    [InlineData("kernel-ss4")]
    [InlineData("kernel-ss4-2m")]
    [InlineData("kernel-ss4-4k")]
    [InlineData("kernel-ss5")]
    [InlineData("kernel-split")]
    [InlineData("kernel-fs4")]
    [InlineData("kernel-fs4-small")]
    public void A_range_takes_as_few_leaves_as_brute_force_finds(string name)
    {
        Platform platform = Platforms.Find(name)!.Platform;
        Impl.IommuOptions options = ImplNames.Options(platform);
        using Impl.Iommu iommu = new(options);
        foreach ((ulong iova, ulong length, ulong distance) in Ranges(platform))
        {
            iommu.Reset(options);
            Assert.Equal(Impl.Status.Done, iommu.Map(0, iova, length, iova + distance, Impl.Rights.Read));
            List<FoundLeaf> leaves = TableReader.Leaves(iommu, 0);
            ulong next = iova;
            foreach (FoundLeaf leaf in leaves)
            {
                Assert.Equal((next, next + distance), (leaf.Iova, leaf.Physical));
                next += 1UL << leaf.SizeLg2;
            }

            Assert.Equal(iova + length, next);
            Assert.Equal(Fewest(platform, iova, length, distance), leaves.Count);
        }
    }

    private static IEnumerable<(ulong Iova, ulong Length, ulong Distance)> Ranges(Platform platform)
    {
        IEnumerable<ulong> lengths = platform.Pages1G ? Lengths.Append(Size1G).Append(Size1G + Size2M + Granule) : Lengths;
        return from start in Starts
               from length in lengths
               from distance in Distances
               // a gigabyte in small leaves would take most of the time and show nothing
               where length < Size1G || distance % Size2M == 0
               select (start, length, distance);
    }

    /// <summary>The fewest leaves from each granule to the end: one, and the fewest from behind it, over every size that may stand there.</summary>
    private static int Fewest(Platform platform, ulong iova, ulong length, ulong distance)
    {
        int count = (int)(length / Granule);
        int[] fewest = new int[count + 1];
        for (int at = count - 1; at >= 0; at--)
        {
            fewest[at] = fewest[at + 1] + 1;
            foreach (ulong size in (ulong[])[Size2M, Size1G])
            {
                ulong first = iova + (ulong)at * Granule;
                int end = at + (int)(size / Granule);
                bool stands = (size == Size2M ? platform.Pages2M : platform.Pages1G) && end <= count && first % size == 0 && (first + distance) % size == 0;
                if (stands)
                    fewest[at] = Math.Min(fewest[at], fewest[end] + 1);
            }
        }

        return fewest[0];
    }
}
