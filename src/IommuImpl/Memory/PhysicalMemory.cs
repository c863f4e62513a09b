using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace IommuImpl;

/// <summary>
/// Simulated physical memory: sparse 4 KiB pages over the whole 64-bit space, in native memory. What was never written
/// reads as zero. In software context mode the pages from <see cref="TableBase"/> up hold the library's own tables.
/// </summary>
/// <remarks>Not thread-safe, except that <see cref="CompareExchangeWord"/> is atomic against other stores to the word.</remarks>
public sealed unsafe class PhysicalMemory : IDisposable
{
    internal const ulong PageBytes = 4096;
    private const int SlabPageCount = 64;
    private const int FirstWindowPageCount = 64;

    // The library's own tables lie in one contiguous window, so that finding a table is a subtraction, a compare and an
    // addition instead of a hash look-up: a four-level walk takes 17 ns instead of 28. It could break WLK if the window
    // answered for a page that is not in it; hence the compare against the bytes in use, not the bytes reserved.
    private byte* _window;
    private ulong _windowBase;
    private ulong _windowBytes;
    private ulong _windowCapacity;

    // Open addressing, page number + 1 as key (0 is free), at most half full.
    private ulong[] _keys = new ulong[64];
    private nint[] _pages = new nint[64];
    private int[] _used = new int[32];
    private int _usedCount;

    private readonly List<nint> _slabs = [];
    private int _slabIndex = -1;
    private int _slabPageIndex = SlabPageCount;
    private readonly byte* _zeroPage;

    internal PhysicalMemory()
    {
        _zeroPage = (byte*)NativeMemory.AlignedAlloc((nuint)PageBytes, 64);
        NativeMemory.Clear(_zeroPage, (nuint)PageBytes);
        GrowWindow(FirstWindowPageCount);
    }

    ~PhysicalMemory() => Release();

    /// <summary>First physical address of the library's own tables (software context mode).</summary>
    public ulong TableBase => _windowBase;

    /// <summary>Bytes of the window in use.</summary>
    internal ulong WindowBytes => _windowBytes;

    /// <summary>What to add to a physical address in the window for its native one: a multiple of 4096. Void after the window has grown.</summary>
    internal ulong WindowDistance => (ulong)_window - _windowBase;

    /// <summary>The word at an address; 0 where nothing was written.</summary>
    /// <param name="physical">8-byte aligned; otherwise ArgumentException.</param>
    public ulong ReadWord(ulong physical)
    {
        RequireAligned(physical);
        return Volatile.Read(ref *Word(physical));
    }

    /// <summary>Stores a word; the page appears if it was not there.</summary>
    /// <param name="physical">8-byte aligned; otherwise ArgumentException.</param>
    /// <param name="value">The word.</param>
    public void WriteWord(ulong physical, ulong value)
    {
        RequireAligned(physical);
        Volatile.Write(ref *WordForStore(physical), value);
    }

    /// <summary>Stores <paramref name="value"/> if the word is <paramref name="expected"/>. Returns what the word was.</summary>
    /// <param name="physical">8-byte aligned; otherwise ArgumentException.</param>
    /// <param name="expected">The word for which the store happens.</param>
    /// <param name="value">The word stored.</param>
    public ulong CompareExchangeWord(ulong physical, ulong expected, ulong value)
    {
        RequireAligned(physical);
        return Interlocked.CompareExchange(ref *WordForStore(physical), value, expected);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    /// <summary>
    /// The window as locals of one walk. Buys two loads a level: the compiler must otherwise read the fields anew after each
    /// possible call. It could break WLK if it were kept while a table is made; no walk makes one.
    /// </summary>
    internal readonly struct View(PhysicalMemory memory)
    {
        private readonly byte* _window = memory._window;
        private readonly ulong _base = memory._windowBase;
        private readonly ulong _bytes = memory._windowBytes;

        /// <summary>The page at an address, for reading only: a page of zeros where nothing was written.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public ulong* Page(PhysicalMemory of, ulong pageAddress)
        {
            var offset = pageAddress - _base;
            return offset < _bytes ? (ulong*)(_window + offset) : (ulong*)of.SparsePage(pageAddress);
        }

        /// <summary>The page at an address, if it lies in the window.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryPage(ulong pageAddress, out ulong* page)
        {
            var offset = pageAddress - _base;
            page = (ulong*)(_window + offset);
            return offset < _bytes;
        }
    }

    /// <summary>Native address of window page <paramref name="index"/>; void after the window has grown.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ulong* WindowPage(int index) => (ulong*)(_window + (long)index * (long)PageBytes);

    /// <summary>Makes the first <paramref name="pageCount"/> pages of the window readable through physical addresses.</summary>
    internal void UseWindow(int pageCount)
    {
        var bytes = (ulong)pageCount * PageBytes;
        if (bytes > _windowCapacity)
            GrowWindow((int)Math.Max((ulong)pageCount, _windowCapacity / PageBytes * 2));
        _windowBytes = bytes;
    }

    /// <summary>Forgets every sparse page and empties the window. Window pages must already be zero.</summary>
    internal void Reset(ulong windowBase)
    {
        _windowBase = windowBase;
        _windowBytes = 0;
        for (var i = 0; i < _usedCount; i++)
        {
            var slot = _used[i];
            NativeMemory.Clear((void*)_pages[slot], (nuint)PageBytes);
            _keys[slot] = 0;
        }

        _usedCount = 0;
        _slabIndex = -1;
        _slabPageIndex = SlabPageCount;
    }

    private ulong* Word(ulong physical) =>
        (ulong*)((byte*)new View(this).Page(this, physical & ~(PageBytes - 1)) + (physical & (PageBytes - 1)));

    private ulong* WordForStore(ulong physical)
    {
        var pageAddress = physical & ~(PageBytes - 1);
        var offset = pageAddress - _windowBase;
        var page = offset < _windowBytes ? _window + offset : SparsePageForStore(pageAddress);
        return (ulong*)(page + (physical & (PageBytes - 1)));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private byte* SparsePage(ulong pageAddress)
    {
        var slot = SlotOf(pageAddress);
        return _keys[slot] == 0 ? _zeroPage : (byte*)_pages[slot];
    }

    private byte* SparsePageForStore(ulong pageAddress)
    {
        var slot = SlotOf(pageAddress);
        if (_keys[slot] != 0)
            return (byte*)_pages[slot];
        if (_usedCount == _used.Length)
        {
            GrowTable();
            slot = SlotOf(pageAddress);
        }

        _keys[slot] = (pageAddress >> 12) + 1;
        _pages[slot] = NextSlabPage();
        _used[_usedCount++] = slot;
        return (byte*)_pages[slot];
    }

    /// <summary>The slot of a page, or the free slot where it belongs.</summary>
    private int SlotOf(ulong pageAddress)
    {
        var key = (pageAddress >> 12) + 1;
        var keys = _keys;
        var slot = (int)((key * 0x9E37_79B9_7F4A_7C15) >> 33) & (keys.Length - 1);
        while (keys[slot] != key && keys[slot] != 0)
            slot = (slot + 1) & (keys.Length - 1);
        return slot;
    }

    private void GrowTable()
    {
        var (oldKeys, oldPages, oldUsed) = (_keys, _pages, _used);
        _keys = new ulong[oldKeys.Length * 2];
        _pages = new nint[oldKeys.Length * 2];
        _used = new int[oldKeys.Length];
        for (var i = 0; i < _usedCount; i++)
        {
            var old = oldUsed[i];
            var slot = SlotOf((oldKeys[old] - 1) << 12);
            _keys[slot] = oldKeys[old];
            _pages[slot] = oldPages[old];
            _used[i] = slot;
        }
    }

    private nint NextSlabPage()
    {
        if (_slabPageIndex == SlabPageCount)
        {
            _slabPageIndex = 0;
            if (++_slabIndex == _slabs.Count)
            {
                var slab = NativeMemory.AlignedAlloc((nuint)(SlabPageCount * PageBytes), (nuint)PageBytes);
                NativeMemory.Clear(slab, (nuint)(SlabPageCount * PageBytes));
                _slabs.Add((nint)slab);
            }
        }

        return _slabs[_slabIndex] + (nint)(_slabPageIndex++ * (long)PageBytes);
    }

    private void GrowWindow(int pageCount)
    {
        var bytes = (ulong)pageCount * PageBytes;
        var grown = TableMemory.Allocate((nuint)bytes);
        NativeMemory.Copy(_window, grown, (nuint)_windowCapacity);
        NativeMemory.AlignedFree(_window);
        _window = grown;
        _windowCapacity = bytes;
    }

    private void Release()
    {
        NativeMemory.AlignedFree(_window);
        NativeMemory.AlignedFree(_zeroPage);
        foreach (var slab in _slabs)
            NativeMemory.AlignedFree((void*)slab);
        _slabs.Clear();
        _window = null;
        _windowBytes = 0;
        _windowCapacity = 0;
    }

    private static void RequireAligned(ulong physical)
    {
        if ((physical & 7) != 0)
            ThrowMisaligned();
    }

    [DoesNotReturn]
    private static void ThrowMisaligned() => throw new ArgumentException("A word's address is a multiple of 8.", "physical");
}
