using System.Diagnostics.CodeAnalysis;

namespace IommuImpl;

public sealed unsafe partial class Iommu
{
    /// <summary>Walks in flight at once: more gains nothing, a core tracks about this many outstanding misses.</summary>
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
        var done = 0;
        while (done < iovas.Length)
        {
            var count = Math.Min(iovas.Length - done, LaneCount);
            var missed = BatchHits(requester, iovas.Slice(done, count), kind, results[done..]);
            // One walk alone is walked alone; and the first miss brings the device's context into its cache.
            if ((missed & (missed - 1)) == 0 || _contextPlaces.Place(requester)->Key != (requester | _contextPresent))
                BatchOneByOne(requester, iovas.Slice(done, count), kind, results[done..], missed);
            else if (_isSecondStage)
                BatchWalks<VtdSecondStageFormat>(requester, iovas.Slice(done, count), kind, results[done..], missed);
            else
                BatchWalks<X86FirstStageFormat>(requester, iovas.Slice(done, count), kind, results[done..], missed);
            done += count;
        }
    }

    /// <summary>Answers IOTLB hits. Returns the others as a bit mask.</summary>
    private uint BatchHits(ushort requester, ReadOnlySpan<ulong> iovas, AccessKind kind, Span<TranslateResult> results)
    {
        var context = _contextPlaces.Place(requester);
        if (context->Key != (requester | _contextPresent))
            return (1u << iovas.Length) - 1;
        var missed = 0u;
        for (var i = 0; i < iovas.Length; i++)
        {
            var iova = iovas[i];
            var entry = _iotlbPlaces.SmallPlace(iova, context->Salt);
            var differs = (entry->Key ^ (iova & ~GranuleMask | 1)) | ((entry->TagAndDenied ^ context->Tag) & ~(2UL >> (int)kind));
            if ((differs | (iova & context->ForbiddenBits)) == 0)
                results[i] = new TranslateResult(entry->Physical | (iova & GranuleMask));
            else
                missed |= 1u << i;
        }

        return missed;
    }

    private void BatchOneByOne(ushort requester, ReadOnlySpan<ulong> iovas, AccessKind kind, Span<TranslateResult> results, uint missed)
    {
        for (var i = 0; i < iovas.Length; i++)
        {
            if ((missed >> i & 1) != 0)
                results[i] = Translate(requester, iovas[i], kind);
        }
    }

    /// <summary>
    /// Walks the misses in step, so that their memory reads overlap: over 4 million pages, whose tables no cache holds, 70 ns
    /// an address instead of 210. It could break TRN or FLT if a walk were answered out of order; so only walks on
    /// which nothing is unusual are answered here, and the rest one by one in the order of the addresses.
    /// </summary>
    private void BatchWalks<TFormat>(ushort requester, ReadOnlySpan<ulong> iovas, AccessKind kind, Span<TranslateResult> results, uint missed)
        where TFormat : struct, IPageFormat
    {
        var context = _contextPlaces.Place(requester);
        var view = new PhysicalMemory.View(Memory);
        var lanes = stackalloc Lane[LaneCount];
        var need = TFormat.TableNeed(kind);
        var mask = need | _rules.Unusual;
        var walking = 0u;
        for (var i = 0; i < iovas.Length; i++)
        {
            if ((missed >> i & 1) == 0 || context->Kind != ContextKind.Paged || !TFormat.InRange(iovas[i], context->Levels, context->ForbiddenBits))
                continue;
            ref var lane = ref lanes[i];
            lane.UpperTable = 0;
            if (!_walkCache.TryFind(iovas[i], context->Tag, context->Salt, need, out lane.Table, out lane.Path, out lane.Level))
                (lane.Table, lane.Path, lane.Level) = (context->Root, ~0UL, context->Levels);
            walking |= 1u << i;
        }

        for (var pending = walking; pending != 0;)
        {
            for (var i = 0; i < iovas.Length; i++)
            {
                if ((pending >> i & 1) == 0)
                    continue;
                ref var lane = ref lanes[i];
                lane.Entry = view.Page(Memory, lane.Table)[(iovas[i] >> Entry.ShiftOf(lane.Level)) & 511];
            }

            pending = Step(lanes, pending, need, mask);
        }

        Answer<TFormat>(context, requester, iovas, kind, results, missed, walking, lanes);
    }

    /// <summary>Takes each lane one level down. Returns those that go on.</summary>
    private static uint Step(Lane* lanes, uint pending, ulong need, ulong mask)
    {
        var going = pending;
        for (var i = 0; i < LaneCount; i++)
        {
            if ((pending >> i & 1) == 0)
                continue;
            ref var lane = ref lanes[i];
            if (lane.Level == 1 || (lane.Entry & mask) != need)
            {
                going &= ~(1u << i);
                continue;
            }

            (lane.UpperTable, lane.UpperPath) = (lane.Table, lane.Path);
            lane.Path &= lane.Entry;
            lane.Table = lane.Entry & Entry.AddressMask;
            lane.Level--;
        }

        return going;
    }

    private void Answer<TFormat>(ContextEntry* context, ushort requester, ReadOnlySpan<ulong> iovas, AccessKind kind, Span<TranslateResult> results, uint missed, uint walked, Lane* lanes)
        where TFormat : struct, IPageFormat
    {
        for (var i = 0; i < iovas.Length; i++)
        {
            if ((missed >> i & 1) == 0)
                continue;
            ref var lane = ref lanes[i];
            var iova = iovas[i];
            var physical = (lane.Entry & Entry.AddressMask) | (iova & GranuleMask);
            var isUsual = (walked >> i & 1) != 0 && lane.Level == 1
                && ((~lane.Entry & TFormat.LeafNeed(kind)) | (lane.Entry & _rules.SmallLeafReserved)) == 0
                && !Entry.InWindow(physical) && !Entry.InWindow(iova);
            if (!isUsual)
            {
                results[i] = Translate(requester, iova, kind);
                continue;
            }

            results[i] = new TranslateResult(physical);
            Remember<TFormat>(context, iova, new Walk { Table = lane.Table, Path = lane.Path, Level = 1, UpperTable = lane.UpperTable, UpperPath = lane.UpperPath, Leaf = lane.Entry, Physical = physical });
        }
    }

    [DoesNotReturn]
    private static void ThrowTooShort() => throw new ArgumentException("Shorter than the addresses.", "results");

    /// <summary>A walk in flight.</summary>
    private struct Lane
    {
        public ulong Table, Path, UpperTable, UpperPath, Entry;
        public int Level;
    }
}
