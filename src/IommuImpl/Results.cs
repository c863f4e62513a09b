namespace IommuImpl;

/// <summary>Where one byte's access landed, or why it did not.</summary>
public readonly struct TranslateResult
{
    private readonly ulong _physical;
    private readonly byte _reason;
    private readonly bool _interrupt;

    internal TranslateResult(ulong physical) => _physical = physical;

    private TranslateResult(ulong physical, byte reason, bool interrupt)
    {
        _physical = physical;
        _reason = reason;
        _interrupt = interrupt;
    }

    /// <summary>The access was not performed; <see cref="Reason"/> says why.</summary>
    public bool IsFault => _reason != 0;

    /// <summary>VT-d fault reason code; 0 when the access did not fault.</summary>
    public byte Reason => _reason;

    /// <summary>The write is an interrupt request: it is neither remapped nor a fault.</summary>
    public bool IsInterrupt => _interrupt;

    /// <summary>Physical address of the byte; 0 for a fault, the input address for an interrupt request.</summary>
    public ulong Physical => _physical;

    internal static TranslateResult Fault(byte reason) => new(0, reason, false);

    internal static TranslateResult Interrupt(ulong iova) => new(iova, 0, true);
}

/// <summary>The part of a device access that lies inside one 4 KiB page.</summary>
public struct Piece
{
    /// <summary>First byte, as the device sees it.</summary>
    public ulong Iova;

    /// <summary>Bytes, 1 to 4096.</summary>
    public int Length;

    /// <summary>Answer for the first byte; the others follow it.</summary>
    public TranslateResult Result;
}

/// <summary>A fault recording register as hardware lays it out (128 bits), F set.</summary>
public struct FaultRecord
{
    /// <summary>Bits 63:12 the page address.</summary>
    public ulong Low;

    /// <summary>SID 15:0, FR 39:32, T1 62 (1 read, 0 write), F 63.</summary>
    public ulong High;
}
