namespace IommuVerify.Bench;

/// <summary>Mappings as ranges in order of address, found by binary search: what a C# user writes without page tables.</summary>
public sealed class SortedRanges
{
    private ulong[] _firsts = new ulong[64];
    private (ulong Last, ulong Physical)[] _values = new (ulong, ulong)[64];
    private int _count;

    /// <summary>Adds a range. False when it meets another.</summary>
    public bool TryAdd(ulong first, ulong last, ulong physical)
    {
        var at = IndexAfter(first);
        if ((at > 0 && _values[at - 1].Last >= first) || (at < _count && _firsts[at] <= last))
            return false;
        if (_count == _firsts.Length)
        {
            Array.Resize(ref _firsts, _count * 2);
            Array.Resize(ref _values, _count * 2);
        }

        Array.Copy(_firsts, at, _firsts, at + 1, _count - at);
        Array.Copy(_values, at, _values, at + 1, _count - at);
        (_firsts[at], _values[at]) = (first, (last, physical));
        _count++;
        return true;
    }

    /// <summary>Removes the ranges that lie wholly in [first, last]. Returns bytes.</summary>
    public ulong Remove(ulong first, ulong last)
    {
        var at = first == 0 ? 0 : IndexAfter(first - 1);
        var end = at;
        ulong bytes = 0;
        for (; end < _count && _values[end].Last <= last; end++)
            bytes += _values[end].Last - _firsts[end] + 1;
        Array.Copy(_firsts, end, _firsts, at, _count - end);
        Array.Copy(_values, end, _values, at, _count - end);
        _count -= end - at;
        return bytes;
    }

    /// <summary>The physical address of a byte; 0 where nothing is mapped.</summary>
    public ulong Find(ulong iova)
    {
        var at = IndexAfter(iova) - 1;
        return at >= 0 && _values[at].Last >= iova ? _values[at].Physical + (iova - _firsts[at]) : 0;
    }

    public void Clear() => _count = 0;

    /// <summary>Index of the first range that begins after an address.</summary>
    private int IndexAfter(ulong iova)
    {
        var found = Array.BinarySearch(_firsts, 0, _count, iova);
        return found >= 0 ? found + 1 : ~found;
    }
}
