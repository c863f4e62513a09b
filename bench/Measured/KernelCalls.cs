using System.Collections.Immutable;
using BenchmarkDotNet.Attributes;
using IommuImpl;

namespace IommuVerify.Bench;

/// <summary>
/// What real kernels asked of their IOMMU layer (corpus/captures/*.calls), each recording from an empty start. After an unmap
/// comes the invalidation that the kernel's unmap waits for.
/// </summary>
public class KernelCalls : IDisposable
{
    /// <summary>Calls made in one invocation.</summary>
    public const int Count = 40_000;

    private readonly ImmutableArray<CallTape> _tapes = CallTape.Load(Count);
    private readonly Iommu _iommu = new(new IommuOptions());
    private readonly Dictionary<ulong, ulong> _dictionary = [];
    private readonly SortedDictionary<ulong, ulong> _sortedDictionary = [];
    private readonly SortedRanges _ranges = new();
    private ulong[] _plain = [];

    [GlobalSetup]
    public void Setup() => _plain = new ulong[_tapes.SelectMany(t => t.Calls).Max(c => c.Slot + c.PageCount)];

    [Benchmark(OperationsPerInvoke = Count), Row("recorded kernel calls", Limit = nameof(Plain))]
    public ulong Tables()
    {
        ulong sum = 0;
        foreach (var tape in _tapes)
        {
            _iommu.Reset(tape.Options);
            foreach (ref readonly var call in tape.Calls.AsSpan())
                sum += Make(call);
        }

        return sum;
    }

    /// <summary>Stores and clears as many entries, each run at a place that was found beforehand.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public ulong Plain()
    {
        foreach (var tape in _tapes)
        {
            foreach (ref readonly var call in tape.Calls.AsSpan())
            {
                var run = _plain.AsSpan(call.Slot, call.PageCount);
                if (call.Kind != CallKind.Map)
                {
                    run.Clear();
                    continue;
                }

                var entry = call.Physical | 3;
                for (var i = 0; i < run.Length; i++, entry += 4096)
                    run[i] = entry;
            }
        }

        return _plain[0];
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public int Dictionary()
    {
        foreach (var tape in _tapes)
        {
            _dictionary.Clear();
            foreach (ref readonly var call in tape.Calls.AsSpan())
            {
                for (var i = 0; i < call.PageCount; i++)
                {
                    if (call.Kind == CallKind.Map)
                        _dictionary.TryAdd((call.First >> 12) + (ulong)i, call.Physical + (ulong)i * 4096);
                    else
                        _dictionary.Remove((call.First >> 12) + (ulong)i);
                }
            }
        }

        return _dictionary.Count;
    }

    /// <summary>By the first address of each range. It cannot look for a neighbour, so it does not see ranges that overlap.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public int SortedDictionary()
    {
        foreach (var tape in _tapes)
        {
            _sortedDictionary.Clear();
            foreach (ref readonly var call in tape.Calls.AsSpan())
            {
                if (call.Kind == CallKind.Map)
                    _sortedDictionary.TryAdd(call.First, call.Physical);
                else
                    _sortedDictionary.Remove(call.First);
            }
        }

        return _sortedDictionary.Count;
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public ulong SortedRanges()
    {
        ulong bytes = 0;
        foreach (var tape in _tapes)
        {
            _ranges.Clear();
            foreach (ref readonly var call in tape.Calls.AsSpan())
            {
                if (call.Kind == CallKind.Map)
                    _ranges.TryAdd(call.First, call.First + call.Length - 1, call.Physical);
                else if (call.Kind == CallKind.Unmap)
                    bytes += _ranges.Remove(call.First, call.First + call.Length - 1);
            }
        }

        return bytes;
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _iommu.Dispose();
        GC.SuppressFinalize(this);
    }

    private ulong Make(in TapeCall call)
    {
        switch (call.Kind)
        {
            case CallKind.Map:
                return (ulong)_iommu.Map(call.Domain, call.Iova, call.Length, call.Physical, call.Rights);
            case CallKind.Unmap:
                if (_iommu.Unmap(call.Domain, call.Iova, call.Length, out var unmapped) == Status.Done && unmapped != 0)
                    _iommu.Invalidate(call.Domain, call.Iova, unmapped);
                return unmapped;
            case CallKind.Attach:
                return (ulong)_iommu.Attach(call.Device, call.Domain);
            default:
                return (ulong)_iommu.FreeDomain(call.Domain);
        }
    }
}
