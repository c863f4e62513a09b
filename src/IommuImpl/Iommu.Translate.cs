using System.Runtime.CompilerServices;

namespace IommuImpl;

public sealed unsafe partial class Iommu
{
    private const ulong MaxAccessBytes = 0x1_0000;

    /// <summary>Translates one byte's access. A fault is recorded.</summary>
    /// <remarks>
    /// The hit path tests neither the interrupt window nor the first stage's canonical form nor the dirty bit: what those
    /// tests would stop is never in the IOTLB in a form that matches. Buys three tests on each hit (3.5 ns); it could break
    /// TRN and FLT if <see cref="Remember{TFormat}"/> let such an entry in.
    /// </remarks>
    public TranslateResult Translate(ushort requester, ulong iova, AccessKind kind)
    {
        var context = _contextPlaces.Place(requester);
        if (context->Key != (requester | _contextPresent) || (iova & context->ForbiddenBits) != 0)
            return TranslateAtLength(requester, iova, kind);
        var entry = _iotlbPlaces.SmallPlace(iova, context->Salt);
        // A set low bit denies: a read ignores bit 1, a write bit 0.
        var denied = (entry->TagAndDenied ^ context->Tag) & ~(2UL >> (int)kind);
        return ((entry->Key ^ (iova & ~GranuleMask | 1)) | denied) == 0
            ? new TranslateResult(entry->Physical | (iova & GranuleMask))
            : TranslateBeside(context, requester, iova, kind);
    }

    /// <summary>Translates one byte's access by the tables in memory: as <see cref="Translate"/> with cold IOTLB and walk cache, which stay as they are.</summary>
    /// <remarks>Device contexts come from their cache, and a fault is recorded.</remarks>
    public TranslateResult TranslateUncached(ushort requester, ulong iova, AccessKind kind) => _isSecondStage
        ? WalkAtOnce<VtdSecondStageFormat>(requester, iova, kind)
        : WalkAtOnce<X86FirstStageFormat>(requester, iova, kind);

    /// <summary>Performs a device access: split at 4 KiB boundaries, ascending; every piece is tried and may fault by itself.</summary>
    /// <param name="requester">The device.</param>
    /// <param name="iova">First byte; need not be aligned.</param>
    /// <param name="length">Bytes, 1 to 65536.</param>
    /// <param name="kind">Read or write.</param>
    /// <param name="pieces">Room for every piece, 17 at most; ArgumentException when too short.</param>
    /// <param name="pieceCount">Pieces written.</param>
    /// <returns>Done, Empty, Wraps or TooLong; in the last three cases nothing was tried.</returns>
    public Status Access(ushort requester, ulong iova, ulong length, AccessKind kind, Span<Piece> pieces, out int pieceCount)
    {
        pieceCount = 0;
        if (length == 0)
            return Status.Empty;
        var last = iova + length - 1;
        if (last < iova)
            return Status.Wraps;
        if (length > MaxAccessBytes)
            return Status.TooLong;
        if ((int)((last >> 12) - (iova >> 12)) >= pieces.Length)
            throw new ArgumentException("Too short for the access's pieces.", nameof(pieces));
        while (true)
        {
            var pieceLast = Math.Min(last, iova | GranuleMask);
            ref var piece = ref pieces[pieceCount++];
            piece.Iova = iova;
            piece.Length = (int)(pieceLast - iova) + 1;
            piece.Result = Translate(requester, iova, kind);
            if (pieceLast == last)
                return Status.Done;
            iova = pieceLast + 1;
        }
    }

    /// <summary>No hit on a 4 KiB entry, for an address that is in the range of the device's context.</summary>
    private TranslateResult TranslateBeside(ContextEntry* context, ushort requester, ulong iova, AccessKind kind)
    {
        if (_iotlb.LargeLevels != 0)
            return TranslateLarge(context, requester, iova, kind);
        return _isSecondStage
            ? TranslateNearby<VtdSecondStageFormat>(context, requester, iova, kind)
            : TranslateNearby<X86FirstStageFormat>(context, requester, iova, kind);
    }

    /// <summary>The same where there may be a hit on a larger page, which answers before any table does.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private TranslateResult TranslateLarge(ContextEntry* context, ushort requester, ulong iova, AccessKind kind)
    {
        if (_iotlb.TryLarge(iova, context->Tag, context->Salt, kind, out var physical))
            return new TranslateResult(physical);
        return _isSecondStage
            ? TranslateNearby<VtdSecondStageFormat>(context, requester, iova, kind)
            : TranslateNearby<X86FirstStageFormat>(context, requester, iova, kind);
    }

    /// <summary>
    /// A single-granule leaf in a table that the walk cache knows, with nothing unusual about it: one load of the tables, and no
    /// walk in memory: 10 ns instead of 22. It could break WLK or FLT if it let through what the walk stops; whatever it does not
    /// know it leaves to the long way, with a tail call, so that it has no registers to save.
    /// </summary>
    private TranslateResult TranslateNearby<TFormat>(ContextEntry* context, ushort requester, ulong iova, AccessKind kind)
        where TFormat : struct, IPageFormat
    {
        var pointer = _walkCache.Place(iova, 1, context->Salt);
        if (!pointer->Leads(iova, 1, context->Tag, TFormat.TableNeed(kind)) || pointer->Table - Memory.TableBase >= Memory.WindowBytes
            || Entry.InWindow(iova) || !TFormat.InRange(iova, context->Levels, 0))
            return TranslateAtLength(requester, iova, kind);
        var leaf = *(ulong*)(pointer->Table + (Memory.WindowDistance | ((iova >> 12) & 511) * 8));
        var physical = (leaf & Entry.AddressMask) | (iova & GranuleMask);
        if (((~leaf & TFormat.LeafNeed(kind)) | (leaf & _rules.SmallLeafReserved)) != 0 || Entry.InWindow(physical))
            return TranslateAtLength(requester, iova, kind);
        _iotlb.Fill(iova, 1, physical, context->Tag, context->Salt, TFormat.Denied(pointer->Path & leaf, leaf));
        return new TranslateResult(physical);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private TranslateResult TranslateAtLength(ushort requester, ulong iova, AccessKind kind)
    {
        if (FindContext(requester, iova, kind, out var answer))
            return answer;
        var context = _contextPlaces.Place(requester);
        return _isSecondStage
            ? TranslateIn<VtdSecondStageFormat>(context, requester, iova, kind)
            : TranslateIn<X86FirstStageFormat>(context, requester, iova, kind);
    }

    /// <summary>Answers what needs no page table; otherwise leaves the device's context, which names one, in its place.</summary>
    private bool FindContext(ushort requester, ulong iova, AccessKind kind, out TranslateResult answer)
    {
        // Before any look-up, and with translation off as well: such a write is an interrupt request.
        if (kind == AccessKind.Write && Entry.InWindow(iova))
        {
            answer = TranslateResult.Interrupt(iova);
            return true;
        }

        if (_contextPresent == ContextCache.Unusable)
        {
            answer = new TranslateResult(iova);
            return true;
        }

        ref var context = ref *_contextPlaces.Place(requester);
        if (context.Key != (requester | ContextCache.Present))
        {
            var suppressed = false;
            var reason = Options.Contexts switch
            {
                ContextMode.Software => FillSoftware(requester, ref context),
                ContextMode.Direct => FillDirect(requester, ref context),
                _ => FillLegacy(requester, ref context, out suppressed),
            };
            if (reason != 0)
            {
                answer = Fault(requester, iova, kind, reason, suppressed);
                return true;
            }
        }

        var passes = context.Kind == ContextKind.PassThrough;
        answer = passes ? PassThrough(ref context, requester, iova, kind) : default;
        return passes;
    }

    private TranslateResult TranslateIn<TFormat>(ContextEntry* context, ushort requester, ulong iova, AccessKind kind)
        where TFormat : struct, IPageFormat
    {
        if (!TFormat.InRange(iova, context->Levels, context->ForbiddenBits))
            return Fault(requester, iova, kind, TFormat.InputReason, context->SuppressFaults);
        if (!_walkCache.TryFind(iova, context->Tag, context->Salt, TFormat.TableNeed(kind), out var table, out var path, out var level))
            (table, path, level) = (context->Root, ~0UL, context->Levels);
        if (Walker<TFormat>.TryUsual(Memory, _rules, iova, kind, table, path, level, out var walk))
        {
            Remember<TFormat>(context, iova, walk);
            return new TranslateResult(walk.Physical);
        }

        var reason = Walker<TFormat>.Exact(Memory, _rules, iova, kind, table, path, level, out var exact);
        if (reason != 0)
            return Fault(requester, iova, kind, reason, context->SuppressFaults);
        Remember<TFormat>(context, iova, exact);
        return new TranslateResult(exact.Physical);
    }

    /// <summary>
    /// Leaves whatever is unusual to <see cref="WalkOnly{TFormat}"/>. With a tail call it has no registers to save: where walks
    /// overlap, 6.7 ns a walk instead of 8.4. (The compiler makes tail calls where a method is not marked NoInlining and takes no
    /// local's address.) It could break CTX if it answered without the device's context; the table of a context that has none, at
    /// physical address 0, is in no window.
    /// </summary>
    private TranslateResult WalkAtOnce<TFormat>(ushort requester, ulong iova, AccessKind kind) where TFormat : struct, IPageFormat
    {
        var context = _contextPlaces.Place(requester);
        if (context->Key == (requester | _contextPresent) && !Entry.InWindow(iova) && TFormat.InRange(iova, context->Levels, context->ForbiddenBits))
        {
            var physical = Walker<TFormat>.Answer(Memory, _rules, iova, kind, context->Root, context->Levels);
            if (physical != Walker<TFormat>.NoAnswer)
                return new TranslateResult(physical);
        }

        return WalkOnly<TFormat>(requester, iova, kind);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private TranslateResult WalkOnly<TFormat>(ushort requester, ulong iova, AccessKind kind) where TFormat : struct, IPageFormat
    {
        if (FindContext(requester, iova, kind, out var answer))
            return answer;
        var context = _contextPlaces.Place(requester);
        if (!TFormat.InRange(iova, context->Levels, context->ForbiddenBits))
            return Fault(requester, iova, kind, TFormat.InputReason, context->SuppressFaults);
        if (Walker<TFormat>.TryUsual(Memory, _rules, iova, kind, context->Root, ~0UL, context->Levels, out var walk))
            return new TranslateResult(walk.Physical);
        var reason = Walker<TFormat>.Exact(Memory, _rules, iova, kind, context->Root, ~0UL, context->Levels, out var exact);
        return reason == 0 ? new TranslateResult(exact.Physical) : Fault(requester, iova, kind, reason, context->SuppressFaults);
    }

    /// <summary>Fills the caches after a successful walk. Nothing that faulted, or was not there, comes here.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Remember<TFormat>(ContextEntry* context, ulong iova, in Walk walk) where TFormat : struct, IPageFormat
    {
        var denied = TFormat.Denied(walk.Path & walk.Leaf, walk.Leaf);
        // A hit does not look for interrupt requests: writes to the window must miss.
        if (walk.Level == 1 && Entry.InWindow(iova))
            denied |= 2;
        if (walk.Level == 1 || !TouchesWindow(iova, walk.Physical, walk.Level))
            _iotlb.Fill(iova, walk.Level, walk.Physical, context->Tag, context->Salt, denied);
        if (walk.Level <= 2)
            _walkCache.Fill(iova, walk.Level, context->Tag, context->Salt, walk.Table, walk.Path);
        if (walk.UpperTable != 0)
            _walkCache.Fill(iova, 2, context->Tag, context->Salt, walk.UpperTable, walk.UpperPath);
    }

    /// <summary>A large page meets the interrupt window on its input or output side: the IOTLB does not hold it.</summary>
    private static bool TouchesWindow(ulong iova, ulong physical, int level)
    {
        var shift = Entry.ShiftOf(level);
        return Meets(iova >> shift << shift, 1UL << shift) || Meets(physical >> shift << shift, 1UL << shift);
    }

    private static bool Meets(ulong first, ulong bytes) =>
        first < Entry.WindowBase + Entry.WindowBytes && first + (bytes - 1) >= Entry.WindowBase;

    private TranslateResult PassThrough(ref ContextEntry context, ushort requester, ulong iova, AccessKind kind)
    {
        var forbidden = Options.Contexts == ContextMode.VtdLegacy ? _legacy.PassThroughForbidden : ~0UL << Options.PhysicalBits;
        if ((iova & forbidden) != 0)
            return Fault(requester, iova, kind, (byte)(_isSecondStage ? 0x04 : 0x83), context.SuppressFaults);
        // Only a read can get here with an address in the window, and its output is in the window too.
        if (Entry.InWindow(iova))
            return Fault(requester, iova, kind, (byte)(_isSecondStage ? 0x0E : 0x87), context.SuppressFaults);
        return new TranslateResult(iova);
    }

    private TranslateResult Fault(ushort requester, ulong iova, AccessKind kind, byte reason, bool suppressed)
    {
        if (!suppressed)
            _faults.Record(requester, iova, kind, reason);
        return TranslateResult.Fault(reason);
    }
}
