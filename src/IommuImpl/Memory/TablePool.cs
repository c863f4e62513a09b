using System.Runtime.CompilerServices;

namespace IommuImpl;

/// <summary>What the editor keeps about a table beside its 512 entries.</summary>
internal struct TableInfo
{
    /// <summary>First IOVA that the table covers.</summary>
    public ulong Base;

    /// <summary>Table whose entry <see cref="Slot"/> points here; -1 for a root.</summary>
    public int Parent;

    /// <summary>Neighbours in the domain's list of emptied tables; Next also chains free ones.</summary>
    public int Previous, Next;

    /// <summary>The table that the same map call made before this one; -1 for its first.</summary>
    public int MadeBefore;

    public ushort Slot;

    /// <summary>Entries that are not empty.</summary>
    public ushort Count;

    public byte Level;
    public bool InUse, IsEmptied;
}

/// <summary>
/// Pages for the library's own tables, taken from the window of <see cref="PhysicalMemory"/>. A free page is all zero, so
/// taking one costs no clearing: an emptied table has had every entry cleared already.
/// </summary>
internal sealed unsafe class TablePool(PhysicalMemory memory)
{
    private const int None = -1;
    private TableInfo[] _infos = new TableInfo[64];
    private int _freshIndex;
    private int _free = None;
    private int _maxCount;
    private int _failIn;
    private ulong _base;

    /// <summary>Tables in use, roots not counted.</summary>
    public int InUseCount { get; private set; }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref TableInfo Info(int table) => ref _infos[table];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong* Entries(int table) => memory.WindowPage(table);

    public ulong AddressOf(int table) => _base + (ulong)table * PhysicalMemory.PageBytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int TableAt(ulong physical) => (int)((physical - _base) >> 12);

    /// <summary>The k-th allocation from now (1-based) fails once; 0 disarms.</summary>
    public void FailNext(int k) => _failIn = k;

    /// <summary>A zeroed table below an entry of another, or -1 when there is no page.</summary>
    public int Allocate(int parent, int slot, int level, ulong iovaBase)
    {
        if (_failIn > 0 && --_failIn == 0)
            return None;
        var table = Take();
        if (table == None)
            return None;
        InUseCount++;
        _infos[table] = new TableInfo { Base = iovaBase, Parent = parent, Slot = (ushort)slot, Level = (byte)level, InUse = true, Previous = None, Next = None };
        return table;
    }

    /// <summary>A root table: neither counted nor made to fail. Throws when the physical space is exhausted.</summary>
    public int AllocateRoot(int level)
    {
        var table = Take();
        if (table == None)
            throw new InvalidOperationException("No physical address is left for a root table.");
        _infos[table] = new TableInfo { Parent = None, Level = (byte)level, InUse = true, Previous = None, Next = None };
        return table;
    }

    /// <summary>Gives back a table whose entries are all zero.</summary>
    public void Free(int table)
    {
        ref var info = ref _infos[table];
        if (info.Parent != None)
            InUseCount--;
        info.InUse = false;
        info.Next = _free;
        _free = table;
    }

    /// <summary>Clears and gives back everything.</summary>
    public void Reset(int physicalBits)
    {
        for (var table = 0; table < _freshIndex; table++)
        {
            if (_infos[table].InUse && _infos[table].Count != 0)
                new Span<ulong>(Entries(table), 512).Clear();
        }

        // The upper half of the physical space, so that a device's buffers and the tables rarely meet.
        _base = 1UL << (physicalBits - 1);
        _maxCount = (int)Math.Min(1UL << (physicalBits - 13), 1UL << 28);
        _freshIndex = 0;
        _free = None;
        _failIn = 0;
        InUseCount = 0;
        memory.Reset(_base);
    }

    private int Take()
    {
        if (_free != None)
        {
            var reused = _free;
            _free = _infos[reused].Next;
            return reused;
        }

        if (_freshIndex == _maxCount)
            return None;
        if (_freshIndex == _infos.Length)
            Array.Resize(ref _infos, _infos.Length * 2);
        memory.UseWindow(_freshIndex + 1);
        return _freshIndex++;
    }
}
