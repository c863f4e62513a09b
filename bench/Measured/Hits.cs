using BenchmarkDotNet.Attributes;
using IommuImpl;

namespace IommuVerify.Bench;

/// <summary>Translations that the IOTLB holds: 512 pages of one domain, at random.</summary>
public class Hits : IDisposable
{
    private const int PageCount = 512, DeviceCount = 64;
    private readonly ulong[] _iovas = Places.AtRandom(PageCount);
    private readonly TranslateResult[] _results = new TranslateResult[Places.PerRound];
    private readonly HandWrittenIotlb _byHand = new();
    private readonly Dictionary<ulong, ulong> _dictionary = [];
    private readonly SortedDictionary<ulong, ulong> _sortedDictionary = [];
    private readonly SortedRanges _ranges = new();
    private readonly int[] _next = new int[PageCount];
    private readonly Iommu _iommu = Iommus.Mapped(PageCount, new IommuOptions());
    private readonly Iommu _hardware = Iommus.Legacy(PageCount);

    [GlobalSetup]
    public void Setup()
    {
        for (var device = 1; device < DeviceCount; device++)
            Iommus.Require(_iommu.Attach((ushort)device, 0));
        for (var device = 0; device < DeviceCount; device++)
            _byHand.Attach((ushort)device);
        for (var page = 0; page < PageCount; page++)
        {
            var iova = Places.First + ((ulong)page << 12);
            _byHand.Fill(iova, Places.Frame(page));
            _dictionary.Add(iova >> 12, Places.Frame(page));
            _sortedDictionary.Add(iova >> 12, Places.Frame(page));
            Iommus.Require(_ranges.TryAdd(iova, iova + 4095, Places.Frame(page)));
            // A cycle through all entries in the order of the addresses asked for, each index a load away from the one before.
            _next[page] = (int)(_iovas[page] >> 12 & (PageCount - 1));
        }

        Iommus.Require(Translate() == TranslateByHand());
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound), Row("IOTLB hit, one device", Limit = nameof(OneLoad), ByHand = nameof(TranslateByHand))]
    public ulong Translate()
    {
        ulong sum = 0;
        foreach (var iova in _iovas)
            sum += _iommu.Translate(0, iova, AccessKind.Read).Physical;
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound), Row("IOTLB hit, each after the answer before", Limit = nameof(OneLoad), ByHand = nameof(TranslateByHandInTurn), WithoutCollections = true)]
    public ulong TranslateInTurn()
    {
        ulong physical = 0;
        foreach (var iova in _iovas)
            physical = _iommu.Translate(0, Places.After(iova, physical), AccessKind.Read).Physical;
        return physical;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound), Row("IOTLB hit, 64 devices in turn", Limit = nameof(OneLoad), ByHand = nameof(TranslateByHandManyDevices))]
    public ulong TranslateManyDevices()
    {
        ulong sum = 0;
        for (var i = 0; i < _iovas.Length; i++)
            sum += _iommu.Translate((ushort)(i & (DeviceCount - 1)), _iovas[i], AccessKind.Read).Physical;
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound), Row("IOTLB hit, device context fetched from memory first", Limit = nameof(OneLoad), ByHand = nameof(TranslateByHand))]
    public ulong TranslateColdContext()
    {
        ulong sum = 0;
        for (var i = 0; i < _iovas.Length; i++)
            sum += _hardware.Translate(Iommus.Colliding(i), _iovas[i], AccessKind.Read).Physical;
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound), Row("IOTLB hit, one context look-up for 16 addresses", Limit = nameof(OneLoad), ByHand = nameof(TranslateByHandWithoutContext))]
    public ulong TranslateBatch()
    {
        for (var i = 0; i < _iovas.Length; i += 16)
            _iommu.TranslateBatch(0, _iovas.AsSpan(i, 16), AccessKind.Read, _results.AsSpan(i, 16));
        return _results[0].Physical;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound)]
    public ulong TranslateByHand()
    {
        ulong sum = 0;
        foreach (var iova in _iovas)
            sum += _byHand.Find(0, iova).Physical;
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound)]
    public ulong TranslateByHandInTurn()
    {
        ulong physical = 0;
        foreach (var iova in _iovas)
            physical = _byHand.Find(0, Places.After(iova, physical)).Physical;
        return physical;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound)]
    public ulong TranslateByHandManyDevices()
    {
        ulong sum = 0;
        for (var i = 0; i < _iovas.Length; i++)
            sum += _byHand.Find((ushort)(i & (DeviceCount - 1)), _iovas[i]).Physical;
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound)]
    public ulong TranslateByHandWithoutContext()
    {
        ulong sum = 0;
        foreach (var iova in _iovas)
            sum += _byHand.Find(iova).Physical;
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound)]
    public int OneLoad()
    {
        var at = 0;
        for (var i = 0; i < Places.PerRound; i++)
            at = _next[at];
        return at;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound)]
    public ulong Dictionary()
    {
        ulong sum = 0;
        foreach (var iova in _iovas)
            sum += _dictionary.TryGetValue(iova >> 12, out var frame) ? frame | iova & 0xFFF : 0;
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound)]
    public ulong SortedDictionary()
    {
        ulong sum = 0;
        foreach (var iova in _iovas)
            sum += _sortedDictionary.TryGetValue(iova >> 12, out var frame) ? frame | iova & 0xFFF : 0;
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Places.PerRound)]
    public ulong SortedRanges()
    {
        ulong sum = 0;
        foreach (var iova in _iovas)
            sum += _ranges.Find(iova);
        return sum;
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _iommu.Dispose();
        _hardware.Dispose();
        GC.SuppressFinalize(this);
    }
}
