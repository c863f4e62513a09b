namespace IommuImpl;

/// <summary>An address space of the software level: a page table and a cache tag.</summary>
internal sealed class Domain
{
    public const int NoTable = -1;
    public const ulong NoRegion = ulong.MaxValue;

    public int Id;
    public ulong Tag;

    /// <summary>Devices attached now.</summary>
    public int AttachedCount;

    /// <summary>Bytes mapped now.</summary>
    public ulong MappedBytes;

    public int Root;

    /// <summary>First of the tables that have become empty and await a covering invalidation; they are still linked.</summary>
    public int FirstEmptied;

    // The level-1 table used last and its 2 MiB region (IOVA >> 21). Buys the walk from the root on every map and unmap that
    // follows a neighbour: 10 ns a call instead of 42, together with Iommu.Nearby. It could break MAP if the table were
    // freed and still remembered: TableStore.Release forgets it.
    public ulong RecentRegion;
    public int RecentTable;

    public void Start(int id, ulong tag, int root)
    {
        Id = id;
        Tag = tag;
        AttachedCount = 0;
        MappedBytes = 0;
        Root = root;
        FirstEmptied = NoTable;
        RecentRegion = NoRegion;
        RecentTable = NoTable;
    }
}
