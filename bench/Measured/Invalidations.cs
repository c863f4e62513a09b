using BenchmarkDotNet.Attributes;
using IommuImpl;

namespace IommuVerify.Bench;

/// <summary>Ends of caching, in an IOTLB that holds 512 other translations of the domain.</summary>
public class Invalidations : IDisposable
{
    private const int Count = 512, PageCount = 1024;
    private const ulong Granule = 4096;
    private readonly Iommu _iommu = Iommus.Mapped(PageCount, new IommuOptions());
    private readonly (ulong Key, ulong Tag, ulong Physical)[] _entries = new (ulong, ulong, ulong)[PageCount];
    private readonly Dictionary<ulong, ulong> _dictionary = [];
    private readonly SortedDictionary<ulong, ulong> _sortedDictionary = [];
    private readonly SortedRanges _ranges = new();

    [GlobalSetup]
    public void Setup()
    {
        for (var page = 0UL; page < Count; page++)
        {
            var iova = Places.First + page * Granule;
            _dictionary.Add(iova >> 12, page);
            _sortedDictionary.Add(iova >> 12, page);
            Iommus.Require(_ranges.TryAdd(iova, iova + 4095, page));
            _iommu.Translate(0, iova, AccessKind.Read);
        }
    }

    [Benchmark(OperationsPerInvoke = Count), Row("translate 1 granule into the IOTLB and invalidate it", Limit = nameof(StoreAndClear))]
    public ulong TranslateAndInvalidate()
    {
        ulong sum = 0;
        for (var i = 0; i < Count; i++)
        {
            var iova = Beyond(i);
            sum += _iommu.Translate(0, iova, AccessKind.Read).Physical;
            _iommu.Invalidate(0, iova, Granule);
        }

        return sum;
    }

    [Benchmark(OperationsPerInvoke = Count), Row("invalidate 1 granule", Limit = nameof(ClearOne), WithoutCollections = true)]
    public void InvalidateOne()
    {
        for (var i = 0; i < Count; i++)
            _iommu.Invalidate(0, Beyond(i), Granule);
    }

    [Benchmark(OperationsPerInvoke = Count), Row("invalidate 256 granules", Limit = nameof(ClearRun), WithoutCollections = true)]
    public void InvalidateRun()
    {
        for (var i = 0; i < Count; i++)
            _iommu.Invalidate(0, Beyond(i & 255), 256 * Granule);
    }

    [Benchmark(OperationsPerInvoke = Count), Row("invalidate a domain", Limit = nameof(ClearAll), WithoutCollections = true)]
    public void InvalidateDomain()
    {
        for (var i = 0; i < Count; i++)
            _iommu.InvalidateDomain(0);
    }

    [Benchmark(OperationsPerInvoke = Count), Row("invalidate everything", Limit = nameof(ClearAll), WithoutCollections = true)]
    public void InvalidateAll()
    {
        for (var i = 0; i < Count; i++)
            _iommu.InvalidateAll();
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public ulong StoreAndClear()
    {
        ulong sum = 0;
        for (var i = 0; i < Count; i++)
        {
            _entries[i] = (Beyond(i), 4, Places.Frame(i));
            sum += _entries[i].Physical;
            _entries[i] = default;
        }

        return sum;
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public void ClearOne()
    {
        for (var i = 0; i < Count; i++)
            _entries[i] = default;
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public void ClearRun()
    {
        for (var i = 0; i < Count; i++)
            _entries.AsSpan(i & 255, 256).Clear();
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public void ClearAll()
    {
        for (var i = 0; i < Count; i++)
            _entries.AsSpan().Clear();
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public void Dictionary()
    {
        for (var i = 0; i < Count; i++)
        {
            Iommus.Require(_dictionary.TryAdd(Beyond(i) >> 12, 0));
            Iommus.Require(_dictionary.Remove(Beyond(i) >> 12));
        }
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public void SortedDictionary()
    {
        for (var i = 0; i < Count; i++)
        {
            _sortedDictionary.Add(Beyond(i) >> 12, 0);
            Iommus.Require(_sortedDictionary.Remove(Beyond(i) >> 12));
        }
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public void SortedRanges()
    {
        for (var i = 0; i < Count; i++)
        {
            Iommus.Require(_ranges.TryAdd(Beyond(i), Beyond(i) + 4095, 0));
            _ranges.Remove(Beyond(i), Beyond(i) + 4095);
        }
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _iommu.Dispose();
        GC.SuppressFinalize(this);
    }

    private static ulong Beyond(int i) => Places.First + (ulong)(Count + i) * Granule;
}
