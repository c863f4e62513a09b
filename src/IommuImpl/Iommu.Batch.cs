using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace IommuImpl;

public sealed unsafe partial class Iommu
{
    /// <summary>Walks in flight at once, a power of two: a core tracks about this many outstanding misses.</summary>
    private const int LaneCount = 32;

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
    /// Answers hits at once; a miss is walked to its leaf, which is fetched while up to 31 later addresses get as far: over 16
    /// million pages, whose tables no cache holds, 28 ns an address in batches of 32 instead of 38 with 16 in flight and 180 one by
    /// one. It could break TRN or FLT if a walk were answered out of order; so walks end in the order of the addresses, and those on
    /// which anything is unusual are walked anew when it is their turn.
    /// </summary>
    [SkipLocalsInit]
    private void BatchWalks<TFormat>(ushort requester, ReadOnlySpan<ulong> iovas, AccessKind kind, Span<TranslateResult> results)
        where TFormat : struct, IPageFormat
    {
        var context = _contextPlaces.Place(requester);
        var lanes = stackalloc Lane[LaneCount];
        var (oldest, newest) = (0, 0);
        fixed (TranslateResult* firstResult = results)
        {
            for (var i = 0; i < iovas.Length; i++)
            {
                var iova = iovas[i];
                var entry = _iotlbPlaces.SmallPlace(iova, context->Salt);
                var differs = (entry->Key ^ (iova & ~GranuleMask | 1)) | ((entry->TagAndDenied ^ context->Tag) & ~(2UL >> (int)kind));
                if ((differs | (iova & context->ForbiddenBits)) == 0)
                {
                    firstResult[i] = new TranslateResult(entry->Physical | (iova & GranuleMask));
                    continue;
                }

                if (_iotlb.LargeLevels != 0 && (iova & context->ForbiddenBits) == 0 && _iotlb.TryLarge(iova, context->Tag, context->Salt, kind, out var large))
                {
                    firstResult[i] = new TranslateResult(large);
                    continue;
                }

                if (newest - oldest == LaneCount)
                    EndWalk<TFormat>(context, requester, kind, lanes + (oldest++ & (LaneCount - 1)));
                var lane = lanes + (newest++ & (LaneCount - 1));
                lane->Result = firstResult + i;
                BeginWalk<TFormat>(context, iova, kind, lane);
            }

            while (oldest != newest)
                EndWalk<TFormat>(context, requester, kind, lanes + (oldest++ & (LaneCount - 1)));
        }
    }

    /// <summary>Goes down to the level-1 table and asks for the leaf. Leaves no place of a leaf where something is unusual.</summary>
    private void BeginWalk<TFormat>(ContextEntry* context, ulong iova, AccessKind kind, Lane* lane)
        where TFormat : struct, IPageFormat
    {
        lane->Iova = iova;
        lane->Leaf = null;
        if (Entry.InWindow(iova) || !TFormat.InRange(iova, context->Levels, context->ForbiddenBits))
            return;
        var (first, bytes, native) = (Memory.TableBase, Memory.WindowBytes, Memory.WindowDistance);
        var need = TFormat.TableNeed(kind);
        var (table, path, level) = (context->Root, ~0UL, (int)context->Levels);
        var pointer = _walkCache.Place(iova, 1, context->Salt);
        if (pointer->Leads(iova, 1, context->Tag, need))
        {
            (table, path, level) = (pointer->Table, pointer->Path, 1);
        }
        else
        {
            pointer = _walkCache.Place(iova, 2, context->Salt);
            if (pointer->Leads(iova, 2, context->Tag, need))
                (table, path, level) = (pointer->Table, pointer->Path, 2);
        }

        lane->From = level;
        for (var mask = need | _rules.Unusual; level > 1; level--)
        {
            if (table - first >= bytes)
                return;
            var entry = *(ulong*)(table + (native | ((iova >> Entry.ShiftOf(level)) & 511) * 8));
            if ((entry & mask) != need)
                return;
            (lane->UpperTable, lane->UpperPath) = (table, path);
            path &= entry;
            table = entry & Entry.AddressMask;
        }

        if (table - first >= bytes)
            return;
        (lane->Table, lane->Path) = (table, path);
        var leaf = (ulong*)(table + (native | ((iova >> 12) & 511) * 8));
        lane->Leaf = leaf;
        if (Sse.IsSupported)
            Sse.Prefetch0(leaf);
    }

    /// <summary>Answers by the leaf, or by a walk from the start, and remembers what <see cref="Remember{TFormat}"/> would.</summary>
    private void EndWalk<TFormat>(ContextEntry* context, ushort requester, AccessKind kind, Lane* lane)
        where TFormat : struct, IPageFormat
    {
        var (iova, leaf) = (lane->Iova, lane->Leaf == null ? 0 : *lane->Leaf);
        var physical = (leaf & Entry.AddressMask) | (iova & GranuleMask);
        if (((~leaf & TFormat.LeafNeed(kind)) | (leaf & _rules.SmallLeafReserved)) != 0 || Entry.InWindow(physical))
        {
            WalkAnew(requester, kind, lane);
            return;
        }

        *lane->Result = new TranslateResult(physical);
        _iotlb.Fill(iova, 1, physical, context->Tag, context->Salt, TFormat.Denied(lane->Path & leaf, leaf));
        if (lane->From > 1)
            _walkCache.Fill(iova, 1, context->Tag, context->Salt, lane->Table, lane->Path);
        if (lane->From > 2)
            _walkCache.Fill(iova, 2, context->Tag, context->Salt, lane->UpperTable, lane->UpperPath);
    }

    private void WalkAnew(ushort requester, AccessKind kind, Lane* lane) => *lane->Result = Translate(requester, lane->Iova, kind);

    [DoesNotReturn]
    private static void ThrowTooShort() => throw new ArgumentException("Shorter than the addresses.", "results");

    /// <summary>A walk in flight.</summary>
    private struct Lane
    {
        /// <summary>Where the leaf is; null when the walk has to be done anew.</summary>
        public ulong* Leaf;
        public ulong Table, Path, UpperTable, UpperPath;

        public ulong Iova;
        public TranslateResult* Result;

        /// <summary>Level of the table with which it began; below the highest, a pointer to it is in the walk cache.</summary>
        public int From;
    }
}
