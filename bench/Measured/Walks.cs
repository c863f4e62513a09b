using BenchmarkDotNet.Attributes;
using IommuImpl;

namespace IommuVerify.Bench;

/// <summary>
/// Translations at random over tables of different sizes: 512 pages lie in the first cache, 16 Mi in none. Each address waits
/// for the answer before, except where a name says that they overlap: then a core works on several at once.
/// </summary>
public class Walks : IDisposable
{
    private readonly TranslateResult[] _results = new TranslateResult[Places.PerRound];
    private readonly Dictionary<ulong, ulong> _dictionary = [];
    private readonly SortedDictionary<ulong, ulong> _sortedDictionary = [];
    private readonly SortedRanges _ranges = new();
    private Rounds _rounds = new([]);
    private Iommu _iommu = null!;
    private BareTable _bare = null!;
    private HandWrittenTable _byHand = null!;

    [Params(1 << 9, 1 << 16, 1 << 20, 1 << 24)]
    public int Pages { get; set; }

    [GlobalSetup(Targets = [nameof(Walk), nameof(Translate), nameof(WalkOverlapping), nameof(TranslateOverlapping), nameof(Batch8), nameof(Batch16), nameof(Batch32)])]
    public void Setup() => Start(new IommuOptions());

    [GlobalSetup(Targets = [nameof(WalkFromWalkCache)])]
    public void SetupWithoutIotlb() => Start(new IommuOptions { IotlbEntryCount = 0 });

    [GlobalSetup(Targets = [nameof(BareWalk), nameof(BareWalkOverlapping), nameof(BareBatch)])]
    public void SetupBare()
    {
        _rounds = new Rounds(Places.AtRandom(Pages));
        _bare = new BareTable(Places.First, Pages);
    }

    [GlobalSetup(Targets = [nameof(WalkByHand), nameof(WalkByHandWithoutContext), nameof(WalkByHandOverlapping)])]
    public void SetupByHand()
    {
        _rounds = new Rounds(Places.AtRandom(Pages));
        _byHand = new HandWrittenTable(Pages);
        _byHand.Attach(0);
        for (var page = 0; page < Pages; page += 512)
            Iommus.Require(_byHand.TryMap(Places.First + ((ulong)page << 12), Places.Frame(page), 512));
        Iommus.Require(_byHand.Walk(0, Places.First + 0x1234).Physical == Places.FirstFrame + 0x1234);
    }

    [GlobalSetup(Target = nameof(Dictionary))]
    public void SetupDictionary()
    {
        _rounds = new Rounds(Places.AtRandom(Pages));
        _dictionary.EnsureCapacity(Pages);
        for (var page = 0; page < Pages; page++)
            _dictionary.Add((Places.First >> 12) + (ulong)page, Places.Frame(page));
    }

    [GlobalSetup(Target = nameof(SortedDictionary))]
    public void SetupSortedDictionary()
    {
        _rounds = new Rounds(Places.AtRandom(Pages));
        for (var page = 0; page < Pages; page++)
            _sortedDictionary.Add((Places.First >> 12) + (ulong)page, Places.Frame(page));
    }

    [GlobalSetup(Target = nameof(SortedRanges))]
    public void SetupSortedRanges()
    {
        _rounds = new Rounds(Places.AtRandom(Pages));
        for (var page = 0; page < Pages; page++)
        {
            var iova = Places.First + ((ulong)page << 12);
            Iommus.Require(_ranges.TryAdd(iova, iova + 4095, Places.Frame(page)));
        }
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound), Row("checked walk", Limit = nameof(BareWalk), ByHand = nameof(WalkByHand))]
    public ulong Walk()
    {
        ulong physical = 0;
        foreach (var iova in _rounds.Next())
            physical = _iommu.TranslateUncached(0, Places.After(iova, physical), AccessKind.Read).Physical;
        return physical;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound), Row("walk from the walk cache", Limit = nameof(BareWalk), ByHand = nameof(WalkByHand))]
    public ulong WalkFromWalkCache() => Translate();

    [Benchmark(OperationsPerInvoke = Places.PerRound), Row("translation, all caches", Limit = nameof(BareWalk), ByHand = nameof(WalkByHand))]
    public ulong Translate()
    {
        ulong physical = 0;
        foreach (var iova in _rounds.Next())
            physical = _iommu.Translate(0, Places.After(iova, physical), AccessKind.Read).Physical;
        return physical;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound), Row("checked walk, overlapping", Limit = nameof(BareWalkOverlapping), ByHand = nameof(WalkByHandOverlapping))]
    public ulong WalkOverlapping()
    {
        ulong sum = 0;
        foreach (var iova in _rounds.Next())
            sum += _iommu.TranslateUncached(0, iova, AccessKind.Read).Physical;
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound), Row("translation, all caches, overlapping", Limit = nameof(BareWalkOverlapping), ByHand = nameof(WalkByHandOverlapping))]
    public ulong TranslateOverlapping()
    {
        ulong sum = 0;
        foreach (var iova in _rounds.Next())
            sum += _iommu.Translate(0, iova, AccessKind.Read).Physical;
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound), Row("translation in batches of 8", Limit = nameof(BareBatch), ByHand = nameof(WalkByHandOverlapping))]
    public ulong Batch8() => Batches(8);

    [Benchmark(OperationsPerInvoke = Places.PerRound), Row("translation in batches of 16", Limit = nameof(BareBatch), ByHand = nameof(WalkByHandOverlapping))]
    public ulong Batch16() => Batches(16);

    [Benchmark(OperationsPerInvoke = Places.PerRound), Row("translation in batches of 32", Limit = nameof(BareBatch), ByHand = nameof(WalkByHandOverlapping))]
    public ulong Batch32() => Batches(32);

    [Benchmark(OperationsPerInvoke = Places.PerRound)]
    public ulong BareWalk()
    {
        ulong physical = 0;
        foreach (var iova in _rounds.Next())
            physical = _bare.Walk(Places.After(iova, physical));
        return physical;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound)]
    public ulong BareWalkOverlapping()
    {
        ulong sum = 0;
        foreach (var iova in _rounds.Next())
            sum += _bare.Walk(iova);
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound)]
    public ulong BareBatch() => BareBatches(16);

    /// <summary>Bare loads in batches, for the goals.</summary>
    /// <param name="size">Addresses of a batch: 8, 16 or 32.</param>
    public ulong BareBatches(int size)
    {
        ulong sum = 0;
        var iovas = _rounds.Next();
        for (var i = 0; i < iovas.Length; i += size)
            sum += _bare.WalkTogether(iovas.Slice(i, size));
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound)]
    public ulong WalkByHand()
    {
        ulong physical = 0;
        foreach (var iova in _rounds.Next())
            physical = _byHand.Walk(0, Places.After(iova, physical)).Physical;
        return physical;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound)]
    public ulong WalkByHandWithoutContext()
    {
        ulong physical = 0;
        foreach (var iova in _rounds.Next())
            physical = _byHand.Walk(Places.After(iova, physical)).Physical;
        return physical;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound)]
    public ulong WalkByHandOverlapping()
    {
        ulong sum = 0;
        foreach (var iova in _rounds.Next())
            sum += _byHand.Walk(0, iova).Physical;
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound)]
    public ulong Dictionary()
    {
        ulong physical = 0;
        foreach (var iova in _rounds.Next())
            physical = _dictionary[Places.After(iova, physical) >> 12];
        return physical;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound)]
    public ulong SortedDictionary()
    {
        ulong physical = 0;
        foreach (var iova in _rounds.Next())
            physical = _sortedDictionary[Places.After(iova, physical) >> 12];
        return physical;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound)]
    public ulong SortedRanges()
    {
        ulong physical = 0;
        foreach (var iova in _rounds.Next())
            physical = _ranges.Find(Places.After(iova, physical));
        return physical;
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _iommu?.Dispose();
        _bare?.Dispose();
        _byHand?.Dispose();
        GC.SuppressFinalize(this);
    }

    private void Start(IommuOptions options)
    {
        _rounds = new Rounds(Places.AtRandom(Pages));
        _iommu = Iommus.Mapped(Pages, options);
        var probe = Places.First + ((ulong)Pages << 12) - 1;
        Iommus.Require(_iommu.TranslateUncached(0, probe, AccessKind.Read).Physical == Places.Frame(Pages) - 1);
    }

    private ulong Batches(int size)
    {
        var iovas = _rounds.Next();
        for (var i = 0; i < iovas.Length; i += size)
            _iommu.TranslateBatch(0, iovas.Slice(i, size), AccessKind.Read, _results.AsSpan(i, size));
        return _results[0].Physical;
    }
}
