using BenchmarkDotNet.Attributes;
using IommuImpl;

namespace IommuVerify.Bench;

/// <summary>Map followed by unmap of one run of granules, by every contestant. An operation is the pair.</summary>
public abstract class MapUnmap : IDisposable
{
    private const ulong Granule = 4096;
    private readonly int _count;
    private readonly ulong[] _plain;
    private readonly Iommu _iommu;
    private readonly Iommu _largeLeaves = new(new IommuOptions());
    private readonly HandWrittenTable _byHand;
    private readonly Dictionary<ulong, ulong> _dictionary = [];
    private readonly SortedDictionary<ulong, ulong> _sortedDictionary = [];
    private readonly SortedRanges _ranges = new();

    /// <param name="count">Granules of a run.</param>
    protected MapUnmap(int count)
    {
        _count = count;
        _plain = new ulong[Math.Max(count, 512)];
        _iommu = Iommus.Mapped(0, new IommuOptions());
        _byHand = new HandWrittenTable(1 << 20);
        // Live neighbours for whoever searches: a thousand mappings elsewhere.
        for (var i = 0UL; i < 1000; i++)
        {
            var iova = Places.First * 16 + i * 0x10000;
            _dictionary.Add(iova >> 12, i << 12);
            _sortedDictionary.Add(iova >> 12, i << 12);
            Iommus.Require(_ranges.TryAdd(iova, iova + 4095, i << 12));
            Iommus.Require(_iommu.Map(0, iova, Granule, i << 12, Rights.Read));
        }
    }

    /// <summary>Runs of the tables.</summary>
    /// <param name="pairs">How many.</param>
    /// <param name="step">Bytes from one run to the next; the runs stay in 512 steps.</param>
    protected ulong InTables(int pairs, ulong step) => InTables(_iommu, pairs, step);

    /// <summary>The same where leaves of 2 MiB and 1 GiB may be used.</summary>
    protected ulong InLargeLeaves(int pairs, ulong step) => InTables(_largeLeaves, pairs, step);

    private ulong InTables(Iommu iommu, int pairs, ulong step)
    {
        ulong bytes = 0;
        for (var i = 0; i < pairs; i++)
        {
            var iova = Places.First + (ulong)(i & 511) * step;
            var mapped = iommu.Map(0, iova, (ulong)_count * Granule, Places.FirstFrame, Rights.Read | Rights.Write);
            var unmappedStatus = iommu.Unmap(0, iova, (ulong)_count * Granule, out var unmapped);
            Iommus.Require(mapped == Status.Done && unmappedStatus == Status.Done);
            bytes += unmapped;
        }

        return bytes;
    }

    /// <summary>Stores as many entries and clears them, nothing else.</summary>
    protected ulong Plainly(int pairs)
    {
        var entries = _plain.AsSpan(0, _count);
        for (var pair = 0; pair < pairs; pair++)
        {
            var entry = Places.FirstFrame | 3;
            for (var i = 0; i < entries.Length; i++, entry += Granule)
                entries[i] = entry;
            entries.Clear();
        }

        return _plain[0];
    }

    protected ulong ByHand(int pairs, ulong step)
    {
        ulong bytes = 0;
        for (var i = 0; i < pairs; i++)
        {
            var iova = Places.First + (ulong)(i & 511) * step;
            for (var done = 0; done < _count; done += 512)
                Iommus.Require(_byHand.TryMap(iova + (ulong)done * Granule, Places.Frame(done), Math.Min(512, _count - done)));
            for (var done = 0; done < _count; done += 512)
                bytes += _byHand.Unmap(iova + (ulong)done * Granule, Math.Min(512, _count - done));
        }

        return bytes;
    }

    /// <summary>The walk to a leaf and the store there, without the search for occupied entries: what one change cannot do without.</summary>
    protected ulong StoreWalks(int count, ulong step)
    {
        ulong bytes = 0;
        for (var i = 0; i < count; i++)
            bytes += _byHand.Store(Places.First + (ulong)(i & 511) * step, (ulong)i);
        return bytes;
    }

    protected int InDictionary(int pairs)
    {
        for (var pair = 0; pair < pairs; pair++)
        {
            for (var i = 0; i < _count; i++)
                Iommus.Require(_dictionary.TryAdd((Places.First >> 12) + (ulong)i, Places.Frame(i)));
            for (var i = 0; i < _count; i++)
                Iommus.Require(_dictionary.Remove((Places.First >> 12) + (ulong)i));
        }

        return _dictionary.Count;
    }

    protected int InSortedDictionary(int pairs)
    {
        for (var pair = 0; pair < pairs; pair++)
        {
            for (var i = 0; i < _count; i++)
                _sortedDictionary.Add((Places.First >> 12) + (ulong)i, Places.Frame(i));
            for (var i = 0; i < _count; i++)
                Iommus.Require(_sortedDictionary.Remove((Places.First >> 12) + (ulong)i));
        }

        return _sortedDictionary.Count;
    }

    protected ulong InSortedRanges(int pairs)
    {
        ulong bytes = 0;
        var last = Places.First + (ulong)_count * Granule - 1;
        for (var pair = 0; pair < pairs; pair++)
        {
            Iommus.Require(_ranges.TryAdd(Places.First, last, Places.FirstFrame));
            bytes += _ranges.Remove(Places.First, last);
        }

        return bytes;
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _iommu.Dispose();
        _largeLeaves.Dispose();
        _byHand.Dispose();
        GC.SuppressFinalize(this);
    }
}

/// <summary>One granule.</summary>
public class MapUnmapOne() : MapUnmap(1)
{
    private const int Pairs = 1024;

    [Benchmark(OperationsPerInvoke = Pairs), Row("map and unmap 1 granule, near the one before", Limit = nameof(Plain), ByHand = nameof(Near))]
    public ulong Tables() => InTables(Pairs, 4096);

    [Benchmark(OperationsPerInvoke = Pairs), Row("map and unmap 1 granule, in another table each time", Limit = nameof(Plain), ByHand = nameof(Far))]
    public ulong TablesFar() => InTables(Pairs, 0x20_1000);

    [Benchmark(OperationsPerInvoke = Pairs)]
    public ulong Plain() => Plainly(Pairs);

    [Benchmark(OperationsPerInvoke = Pairs)]
    public ulong Near() => ByHand(Pairs, 4096);

    [Benchmark(OperationsPerInvoke = Pairs)]
    public ulong Far() => ByHand(Pairs, 0x20_1000);

    [Benchmark(OperationsPerInvoke = Pairs)]
    public ulong StoreWalk() => StoreWalks(Pairs, 4096);

    [Benchmark(OperationsPerInvoke = Pairs)]
    public ulong StoreWalkFar() => StoreWalks(Pairs, 0x20_1000);

    [Benchmark(OperationsPerInvoke = Pairs)]
    public int Dictionary() => InDictionary(Pairs);

    [Benchmark(OperationsPerInvoke = Pairs)]
    public int SortedDictionary() => InSortedDictionary(Pairs);

    [Benchmark(OperationsPerInvoke = Pairs)]
    public ulong SortedRanges() => InSortedRanges(Pairs);
}

/// <summary>256 granules: 1 MiB.</summary>
public class MapUnmapRun() : MapUnmap(256)
{
    private const int Pairs = 64;

    [Benchmark(OperationsPerInvoke = Pairs), Row("map and unmap 256 granules", Limit = nameof(Plain), ByHand = nameof(Hand))]
    public ulong Tables() => InTables(Pairs, 0x10_0000);

    [Benchmark(OperationsPerInvoke = Pairs)]
    public ulong Plain() => Plainly(Pairs);

    [Benchmark(OperationsPerInvoke = Pairs)]
    public ulong Hand() => ByHand(Pairs, 0x10_0000);

    [Benchmark(OperationsPerInvoke = Pairs)]
    public int Dictionary() => InDictionary(Pairs);

    [Benchmark(OperationsPerInvoke = Pairs)]
    public int SortedDictionary() => InSortedDictionary(Pairs);

    [Benchmark(OperationsPerInvoke = Pairs)]
    public ulong SortedRanges() => InSortedRanges(Pairs);
}

/// <summary>1 Mi granules: 4 GiB. Few iterations: a pair takes some contestants seconds.</summary>
[WarmupCount(1), IterationCount(8)]
public class MapUnmapHuge() : MapUnmap(1 << 20)
{
    [Benchmark, Row("map and unmap 1 Mi granules, leaves of 4 KiB", Limit = nameof(Plain), ByHand = nameof(Hand))]
    public ulong Tables() => InTables(1, 0);

    [Benchmark, Row("map and unmap 1 Mi granules, leaves of 1 GiB", Limit = nameof(Plain), ByHand = nameof(Hand))]
    public ulong LargeLeaves() => InLargeLeaves(1, 0);

    [Benchmark]
    public ulong Plain() => Plainly(1);

    [Benchmark]
    public ulong Hand() => ByHand(1, 0);

    [Benchmark]
    public int Dictionary() => InDictionary(1);

    [Benchmark]
    public int SortedDictionary() => InSortedDictionary(1);

    [Benchmark]
    public ulong SortedRanges() => InSortedRanges(1);
}
