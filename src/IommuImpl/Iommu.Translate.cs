using System.Runtime.CompilerServices;

namespace IommuImpl;

public sealed partial class Iommu
{
    private const ulong MaxAccessBytes = 0x1_0000;

    /// <summary>Translates one byte's access. A fault is recorded.</summary>
    /// <remarks>
    /// The hit path tests neither the interrupt window nor the first stage's canonical form nor the dirty bit: what those
    /// tests would stop is never in the IOTLB in a form that matches. Buys about a quarter of a hit's time; it could break
    /// TRN and FLT if <see cref="Remember{TFormat}"/> let such an entry in.
    /// </remarks>
    public TranslateResult Translate(ushort requester, ulong iova, AccessKind kind)
    {
        ref var context = ref _contexts.Place(requester);
        if (context.Key == (requester | _contextPresent) && (iova & context.ForbiddenBits) == 0)
        {
            ref var entry = ref _iotlb.SmallPlace(iova, context.Salt);
            var mask = kind == AccessKind.Write ? Iotlb.WriteMask : Iotlb.ReadMask;
            if (entry.Key == (iova & ~GranuleMask | 1) && (entry.TagAndDenied & mask) == context.Tag)
                return new TranslateResult(entry.Physical | (iova & GranuleMask));
        }

        return TranslateOtherwise(requester, iova, kind);
    }

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

    /// <summary>Everything that is not a hit on a 4 KiB entry.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private TranslateResult TranslateOtherwise(ushort requester, ulong iova, AccessKind kind)
    {
        // Before any look-up, and with translation off as well: such a write is an interrupt request.
        if (kind == AccessKind.Write && Entry.InWindow(iova))
            return TranslateResult.Interrupt(iova);
        if (_contextPresent == ContextCache.Unusable)
            return new TranslateResult(iova);
        ref var context = ref _contexts.Place(requester);
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
                return Fault(requester, iova, kind, reason, suppressed);
        }

        return _isSecondStage
            ? TranslateIn<VtdSecondStageFormat>(ref context, requester, iova, kind)
            : TranslateIn<X86FirstStageFormat>(ref context, requester, iova, kind);
    }

    private TranslateResult TranslateIn<TFormat>(ref ContextEntry context, ushort requester, ulong iova, AccessKind kind)
        where TFormat : struct, IPageFormat
    {
        if (context.Kind == ContextKind.PassThrough)
            return TranslatePassThrough<TFormat>(ref context, requester, iova, kind);
        if (!TFormat.InRange(iova, context.Levels, context.ForbiddenBits))
            return Fault(requester, iova, kind, TFormat.InputReason, context.SuppressFaults);
        if (_iotlb.LargeLevels != 0)
        {
            var mask = kind == AccessKind.Write ? Iotlb.WriteMask : Iotlb.ReadMask;
            if (_iotlb.TryLarge(iova, context.Tag, mask, out var physical))
                return new TranslateResult(physical);
        }

        var walk = StartWalk<TFormat>(ref context, iova, kind);
        if (!Walker<TFormat>.TryUsual(Memory, _rules, ref walk))
        {
            var reason = Walker<TFormat>.Exact(Memory, _rules, ref walk);
            if (reason != 0)
                return Fault(requester, iova, kind, reason, context.SuppressFaults);
        }

        Remember<TFormat>(ref context, ref walk);
        return new TranslateResult(walk.Physical);
    }

    /// <summary>From the lowest table that the walk cache knows, or from the root.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Walk StartWalk<TFormat>(ref ContextEntry context, ulong iova, AccessKind kind) where TFormat : struct, IPageFormat
    {
        var walk = new Walk { Iova = iova, Kind = kind };
        if (_walkCache.TryFind(iova, context.Tag, TFormat.TableNeed(kind), out walk.Table, out walk.Path, out walk.Level))
            return walk;
        walk.Table = context.Root;
        walk.Level = context.Levels;
        walk.Path = ~0UL;
        return walk;
    }

    /// <summary>Fills the caches after a successful walk. Nothing that faulted, or was not there, comes here.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Remember<TFormat>(ref ContextEntry context, ref Walk walk) where TFormat : struct, IPageFormat
    {
        var iova = walk.Iova;
        var denied = TFormat.Denied(walk.Path & walk.Leaf, walk.Leaf);
        // A hit does not look for interrupt requests: writes to the window must miss.
        if (walk.Level == 1 && Entry.InWindow(iova))
            denied |= 2;
        if (walk.Level == 1 || !TouchesWindow(iova, walk.Physical, walk.Level))
            _iotlb.Fill(iova, walk.Level, walk.Physical, context.Tag, denied);
        if (walk.Level <= 2)
            _walkCache.Fill(iova, walk.Level, context.Tag, walk.Table, walk.Path);
        if (walk.UpperTable != 0)
            _walkCache.Fill(iova, 2, context.Tag, walk.UpperTable, walk.UpperPath);
    }

    /// <summary>A large page meets the interrupt window on its input or output side: the IOTLB does not hold it.</summary>
    private static bool TouchesWindow(ulong iova, ulong physical, int level)
    {
        var shift = Entry.ShiftOf(level);
        return Meets(iova >> shift << shift, 1UL << shift) || Meets(physical >> shift << shift, 1UL << shift);
    }

    private static bool Meets(ulong first, ulong bytes) =>
        first < Entry.WindowBase + Entry.WindowBytes && first + (bytes - 1) >= Entry.WindowBase;

    private TranslateResult TranslatePassThrough<TFormat>(ref ContextEntry context, ushort requester, ulong iova, AccessKind kind)
        where TFormat : struct, IPageFormat
    {
        var forbidden = Options.Contexts == ContextMode.VtdLegacy ? _legacy.PassThroughForbidden : ~0UL << Options.PhysicalBits;
        if ((iova & forbidden) != 0)
            return Fault(requester, iova, kind, TFormat.PassThroughReason, context.SuppressFaults);
        // Only a read can get here with an address in the window, and its output is in the window too.
        if (Entry.InWindow(iova))
            return Fault(requester, iova, kind, 0x0E, context.SuppressFaults);
        return new TranslateResult(iova);
    }

    private TranslateResult Fault(ushort requester, ulong iova, AccessKind kind, byte reason, bool suppressed)
    {
        if (!suppressed)
            _faults.Record(requester, iova, kind, reason);
        return TranslateResult.Fault(reason);
    }
}
