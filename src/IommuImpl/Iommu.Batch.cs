using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace IommuImpl;

public sealed unsafe partial class Iommu
{
    /// <summary>Walks in flight at once, a power of two: a core tracks about this many outstanding misses.</summary>
    private const int LaneCount = 16;

    /// <summary>Translates one byte's access at each address, with answers that as many calls of <see cref="Translate"/> in order may give.</summary>
    /// <param name="requester">The device.</param>
    /// <param name="iovas">The addresses.</param>
    /// <param name="kind">Read or write, for all.</param>
    /// <param name="results">One answer an address; ArgumentException when shorter than <paramref name="iovas"/>.</param>
    public void TranslateBatch(ushort requester, ReadOnlySpan<ulong> iovas, AccessKind kind, Span<TranslateResult> results)
    {
        if (results.Length < iovas.Length)
            ThrowTooShort();
        var first = 0;
        // The first translation brings the device's context into its cache.
        if (_contextPlaces.Place(requester)->Key != (requester | _contextPresent) && iovas.Length != 0)
        {
            results[0] = Translate(requester, iovas[0], kind);
            first = 1;
        }

        var context = _contextPlaces.Place(requester);
        if (context->Key != (requester | _contextPresent) || context->Kind != ContextKind.Paged)
        {
            for (var i = first; i < iovas.Length; i++)
                results[i] = Translate(requester, iovas[i], kind);
        }
        else if (_isSecondStage)
        {
            BatchWalks<VtdSecondStageFormat>(requester, iovas[first..], kind, results[first..]);
        }
        else
        {
            BatchWalks<X86FirstStageFormat>(requester, iovas[first..], kind, results[first..]);
        }
    }

    /// <summary>
    /// Answers hits at once; a miss is walked to its leaf, which is fetched while up to fifteen later addresses get as far:
    /// over 16 million pages, whose tables no cache holds, 72 ns an address in batches of 32 instead of 107 in step, 229 one by one. It could break TRN or FLT if a
    /// walk were answered out of order; so walks end in the order of the addresses, and those on which anything is unusual are
    /// walked anew when it is their turn.
    /// </summary>
    private void BatchWalks<TFormat>(ushort requester, ReadOnlySpan<ulong> iovas, AccessKind kind, Span<TranslateResult> results)
        where TFormat : struct, IPageFormat
    {
        var context = _contextPlaces.Place(requester);
        var lanes = stackalloc Lane[LaneCount];
        var (oldest, newest) = (0, 0);
        for (var i = 0; i < iovas.Length; i++)
        {
            var iova = iovas[i];
            var entry = _iotlbPlaces.SmallPlace(iova, context->Salt);
            var differs = (entry->Key ^ (iova & ~GranuleMask | 1)) | ((entry->TagAndDenied ^ context->Tag) & ~(2UL >> (int)kind));
            if ((differs | (iova & context->ForbiddenBits)) == 0)
            {
                results[i] = new TranslateResult(entry->Physical | (iova & GranuleMask));
                continue;
            }

            if (newest - oldest == LaneCount)
                EndWalk<TFormat>(context, requester, iovas, kind, results, ref lanes[oldest++ & (LaneCount - 1)]);
            ref var lane = ref lanes[newest++ & (LaneCount - 1)];
            lane.Index = i;
            BeginWalk<TFormat>(context, iova, kind, ref lane);
        }

        while (oldest != newest)
            EndWalk<TFormat>(context, requester, iovas, kind, results, ref lanes[oldest++ & (LaneCount - 1)]);
    }

    /// <summary>Goes down to the level-1 table and asks for the leaf. Leaves no place of a leaf where something is unusual.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void BeginWalk<TFormat>(ContextEntry* context, ulong iova, AccessKind kind, ref Lane lane)
        where TFormat : struct, IPageFormat
    {
        lane.Leaf = null;
        lane.UpperTable = 0;
        if (Entry.InWindow(iova) || _iotlb.LargeLevels != 0 || !TFormat.InRange(iova, context->Levels, context->ForbiddenBits))
            return;
        var view = new PhysicalMemory.View(Memory);
        var need = TFormat.TableNeed(kind);
        if (!_walkCache.TryFind(iova, context->Tag, context->Salt, need, out var table, out var path, out var level))
            (table, path, level) = (context->Root, ~0UL, context->Levels);
        lane.IsKnown = level == 1;
        for (; level > 1; level--)
        {
            var entry = view.Page(Memory, table)[(iova >> Entry.ShiftOf(level)) & 511];
            if ((entry & (need | _rules.Unusual)) != need)
                return;
            (lane.UpperTable, lane.UpperPath) = (table, path);
            path &= entry;
            table = entry & Entry.AddressMask;
        }

        (lane.Table, lane.Path) = (table, path);
        lane.Leaf = view.Page(Memory, table) + ((iova >> 12) & 511);
        if (Sse.IsSupported)
            Sse.Prefetch0(lane.Leaf);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void EndWalk<TFormat>(ContextEntry* context, ushort requester, ReadOnlySpan<ulong> iovas, AccessKind kind, Span<TranslateResult> results, ref Lane lane)
        where TFormat : struct, IPageFormat
    {
        var iova = iovas[lane.Index];
        var leaf = lane.Leaf == null ? 0 : *lane.Leaf;
        var physical = (leaf & Entry.AddressMask) | (iova & GranuleMask);
        if (((~leaf & TFormat.LeafNeed(kind)) | (leaf & _rules.SmallLeafReserved)) != 0 || Entry.InWindow(physical))
        {
            results[lane.Index] = Translate(requester, iova, kind);
            return;
        }

        results[lane.Index] = new TranslateResult(physical);
        _iotlb.Fill(iova, 1, physical, context->Tag, context->Salt, TFormat.Denied(lane.Path & leaf, leaf));
        if (lane.IsKnown)
            return;
        _walkCache.Fill(iova, 1, context->Tag, context->Salt, lane.Table, lane.Path);
        _walkCache.Fill(iova, 2, context->Tag, context->Salt, lane.UpperTable, lane.UpperPath);
    }

    [DoesNotReturn]
    private static void ThrowTooShort() => throw new ArgumentException("Shorter than the addresses.", "results");

    /// <summary>A walk in flight.</summary>
    private struct Lane
    {
        /// <summary>Where the leaf is; null when the walk has to be done anew.</summary>
        public ulong* Leaf;
        public ulong Table, Path, UpperTable, UpperPath;

        /// <summary>The address's index in the batch.</summary>
        public int Index;

        /// <summary>The table came from the walk cache.</summary>
        public bool IsKnown;
    }
}
