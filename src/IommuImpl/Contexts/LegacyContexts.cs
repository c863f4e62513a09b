namespace IommuImpl;

/// <summary>Root and context entries of VT-d legacy mode (VT-d 9.1, 9.3, 7.1.3), read from memory.</summary>
internal sealed class LegacyContexts(PhysicalMemory memory)
{
    private const byte RootNotPresent = 0x01, NotPresent = 0x02, Invalid = 0x03, RootReserved = 0x0A, ContextReserved = 0x0B;
    private ulong _contextReservedLow;
    private ulong _rootReservedLow;
    private int _supportedTypes;
    private int _supportedWidths;
    private int _physicalBits;
    private int _iovaBits;

    /// <summary>Physical address of the root table.</summary>
    public ulong RootTable { get; set; }

    public void Reset(IommuOptions options)
    {
        RootTable = 0;
        var beyondHost = Entry.Bits(options.PhysicalBits, 63) | 1UL << 63;
        _rootReservedLow = Entry.Bits(1, 12) | beyondHost;
        _contextReservedLow = Entry.Bits(4, 12) | beyondHost;
        _supportedTypes = 1 << 0 | (options.DeviceTlb ? 1 << 1 : 0) | (options.PassThrough ? 1 << 2 : 0);
        _supportedWidths = options.SupportedWidths & 0b1110;
        _physicalBits = options.PhysicalBits;
        _iovaBits = options.IovaBits;
    }

    /// <summary>Reads and checks a device's entries in the order of section 10. Returns a fault reason, or 0.</summary>
    /// <param name="requester">Bus 15:8 is the root index, devfn 7:0 the context index.</param>
    /// <param name="context">The decoded context; its tag is not set. For a fault only SuppressFaults means something.</param>
    public byte Read(ushort requester, out ContextEntry context)
    {
        context = default;
        var rootEntry = RootTable + (ulong)(requester >> 8) * 16;
        var root = memory.ReadWord(rootEntry);
        var rootHigh = memory.ReadWord(rootEntry + 8);
        if ((root & 1) == 0)
            return RootNotPresent;
        if ((root & _rootReservedLow) != 0 || rootHigh != 0)
            return RootReserved;

        var contextEntry = (root & Entry.AddressMask) + (ulong)(requester & 0xFF) * 16;
        var low = memory.ReadWord(contextEntry);
        var high = memory.ReadWord(contextEntry + 8);
        context.SuppressFaults = (low & 2) != 0;
        if ((low & 1) == 0)
            return NotPresent;
        if ((low & _contextReservedLow) != 0 || (high & (1UL << 7 | ~0UL << 24)) != 0)
            return ContextReserved;
        return Decode(requester, low, high, ref context);
    }

    private byte Decode(ushort requester, ulong low, ulong high, ref ContextEntry context)
    {
        var type = (int)(low >> 2) & 3;
        var width = (int)high & 7;
        if ((_supportedTypes >> type & 1) == 0 || (_supportedWidths >> width & 1) == 0)
            return Invalid;
        context.Key = requester | ContextCache.Present;
        context.DomainId = (ushort)(high >> 8);
        context.Kind = type == 2 ? ContextKind.PassThrough : ContextKind.Paged;
        if (type == 2)
        {
            context.ForbiddenBits = ~0UL;
            return 0;
        }

        context.Levels = (byte)(width + 2);
        context.Root = low & Entry.AddressMask;
        context.ForbiddenBits = ~0UL << Math.Min(30 + 9 * width, _iovaBits);
        return 0;
    }

    /// <summary>Bits that a pass-through address must not have: it is a host address within the guest width.</summary>
    public ulong PassThroughForbidden => ~0UL << Math.Min(_physicalBits, _iovaBits);
}
