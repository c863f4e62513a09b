namespace IommuImpl;

/// <summary>The bits that walks test, worked out once from the options.</summary>
internal sealed class WalkRules
{
    private readonly ulong[] _tableReserved = new ulong[6];
    private readonly ulong[] _leafReserved = new ulong[6];

    /// <summary>Any of these in a table entry needs a closer look: reserved at some level, or the page-size bit.</summary>
    public ulong Unusual { get; private set; }

    /// <summary>Reserved bits of a level-1 leaf, without an array look-up.</summary>
    public ulong SmallLeafReserved { get; private set; }

    /// <summary>Bit l set: leaves of level l may be made.</summary>
    public int LeafLevels { get; private set; }

    public ulong TableReserved(int level) => _tableReserved[level];

    public ulong LeafReserved(int level) => _leafReserved[level];

    public void Set<TFormat>(IommuOptions options) where TFormat : struct, IPageFormat
    {
        Unusual = Entry.PageSize;
        for (var level = 1; level <= 5; level++)
        {
            _tableReserved[level] = TFormat.TableReserved(level, options);
            _leafReserved[level] = TFormat.LeafReserved(level, options);
            Unusual |= _tableReserved[level];
        }

        SmallLeafReserved = _leafReserved[1];
        LeafLevels = 1 << 1 | (options.Pages2M ? 1 << 2 : 0) | (options.Pages1G ? 1 << 3 : 0);
    }
}
