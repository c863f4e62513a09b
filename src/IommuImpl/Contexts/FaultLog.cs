namespace IommuImpl;

/// <summary>Primary fault logging (VT-d 7.2.1): recording registers used round robin, overflow, FRI.</summary>
internal sealed class FaultLog
{
    private const ulong FaultBit = 1UL << 63;
    private FaultRecord[] _records = [];
    private int _next;
    private int _pendingCount;
    private int _firstPending;
    private bool _overflow;
    private bool _compression;

    public void Reset(int recordCount, bool compression)
    {
        if (_records.Length != recordCount)
            _records = new FaultRecord[recordCount];
        else if (_pendingCount != 0)
            Array.Clear(_records);
        _next = 0;
        _pendingCount = 0;
        _firstPending = 0;
        _overflow = false;
        _compression = compression;
    }

    public void Record(ushort requester, ulong iova, AccessKind kind, byte reason)
    {
        if (_overflow)
            return;
        if (_compression && HasPending(requester))
            return;
        ref var record = ref _records[_next];
        if ((record.High & FaultBit) != 0)
        {
            _overflow = true;
            return;
        }

        record.Low = iova & ~0xFFFUL;
        record.High = FaultBit | (kind == AccessKind.Read ? 1UL << 62 : 0) | (ulong)reason << 32 | requester;
        if (_pendingCount++ == 0)
            _firstPending = _next;
        _next = _next + 1 == _records.Length ? 0 : _next + 1;
    }

    /// <summary>
    /// Reads records from FRI while F is set, clears them, then clears PFO. When <paramref name="into"/> is too short the
    /// rest stays, and so does PFO, for the next call.
    /// </summary>
    /// <returns>Records read.</returns>
    public int Drain(Span<FaultRecord> into, out bool overflow)
    {
        overflow = _overflow;
        var count = 0;
        for (; _pendingCount != 0 && count < into.Length; count++)
        {
            into[count] = _records[_firstPending];
            _records[_firstPending] = default;
            _pendingCount--;
            _firstPending = _firstPending + 1 == _records.Length ? 0 : _firstPending + 1;
        }

        if (_pendingCount == 0)
            _overflow = false;
        return count;
    }

    private bool HasPending(ushort requester)
    {
        foreach (ref readonly var record in _records.AsSpan())
        {
            if ((record.High & FaultBit) != 0 && (ushort)record.High == requester)
                return true;
        }

        return false;
    }
}
