using IommuSpec;

namespace IommuHarness.Generate;

/// <summary>A mapping that the generator believes to be there. Belief is enough: it only steers.</summary>
internal record struct Extent(int Domain, ulong First, ulong Length, ulong Physical, Rights Rights)
{
    /// <summary>The last byte.</summary>
    internal readonly ulong Last => First + (Length - 1);

    /// <summary>The first address after it; 0 where it ends with the address space.</summary>
    internal readonly ulong End => unchecked(First + Length);
}

/// <summary>A short list of extents; the oldest is forgotten when it is full.</summary>
internal sealed class Extents
{
    private readonly Extent[] items = new Extent[32];

    internal int Count { get; private set; }

    internal Extent this[int index] => items[index];

    internal void Clear() => Count = 0;

    internal void Add(Extent extent)
    {
        if (Count == items.Length)
            RemoveAt(0);
        items[Count++] = extent;
    }

    internal void RemoveAt(int index)
    {
        items.AsSpan(index + 1, Count - index - 1).CopyTo(items.AsSpan(index));
        Count--;
    }

    /// <summary>Forgets what the range touches.</summary>
    internal void RemoveIn(int domain, ulong first, ulong last)
    {
        for (int i = Count - 1; i >= 0; i--)
        {
            if (items[i].Domain == domain && items[i].First <= last && first <= items[i].Last)
                RemoveAt(i);
        }
    }

    internal void RemoveDomain(int domain) => RemoveIn(domain, 0, ulong.MaxValue);

    internal bool Touches(int domain, ulong first, ulong last)
    {
        for (int i = 0; i < Count; i++)
        {
            if (items[i].Domain == domain && items[i].First <= last && first <= items[i].Last)
                return true;
        }

        return false;
    }
}
