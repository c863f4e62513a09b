using System.Runtime.CompilerServices;

namespace IommuVerify.Bench;

/// <summary>The IOTLB look-up by hand: direct mapped, 4 KiB pages only, the same fields compared as in the implementation.</summary>
public sealed class HandWrittenIotlb
{
    private const int EntryCount = 1024, ContextCount = 64;
    private const uint Present = 0x1_0000;
    private readonly Entry[] _entries = new Entry[EntryCount];
    private readonly Context[] _contexts = new Context[ContextCount];

    public void Attach(ushort requester) =>
        _contexts[(requester ^ requester >> 6) & (ContextCount - 1)] = new Context { Key = requester | Present, Tag = 4, ForbiddenBits = ~0UL << 48 };

    public void Fill(ulong iova, ulong physical) =>
        _entries[(iova >> 12 ^ iova >> 21) & (EntryCount - 1)] = new Entry { Key = iova & ~0xFFFUL | 1, Tag = 4, Physical = physical & ~0xFFFUL };

    /// <summary>A read of one byte: the device's context, then the entry.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public HandWrittenResult Find(ushort requester, ulong iova)
    {
        ref var context = ref _contexts[(requester ^ requester >> 6) & (ContextCount - 1)];
        return context.Key == (requester | Present) && (iova & context.ForbiddenBits) == 0
            ? FindEntry(iova, context.Tag)
            : new HandWrittenResult(0, 0x02);
    }

    /// <summary>The same without the context.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public HandWrittenResult Find(ulong iova) => FindEntry(iova, 4);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private HandWrittenResult FindEntry(ulong iova, ulong tag)
    {
        ref var entry = ref _entries[(iova >> 12 ^ iova >> 21) & (EntryCount - 1)];
        // A set low bit of the tag denies: bit 0 reads.
        return entry.Key == (iova & ~0xFFFUL | 1) && (entry.Tag & ~2UL) == tag
            ? new HandWrittenResult(entry.Physical | iova & 0xFFF, 0)
            : new HandWrittenResult(0, 0x06);
    }

    private struct Entry
    {
        public ulong Key, Tag, Physical;
    }

    private struct Context
    {
        public uint Key;
        public ulong Tag, ForbiddenBits;
    }
}
