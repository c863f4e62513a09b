namespace IommuSpec;

/// <summary>A range of addresses, both ends inclusive, so that the last byte of the 64-bit space is as legal as any other.</summary>
/// <param name="First">The lowest address of the range.</param>
/// <param name="Last">The highest address of the range; never below <paramref name="First"/>.</param>
public readonly record struct AddressRange(ulong First, ulong Last)
{
    /// <summary>Every 64-bit address.</summary>
    public static readonly AddressRange Everything = new(0, ulong.MaxValue);

    /// <summary>Whether <paramref name="first"/> + <paramref name="length"/> - 1 does not fit in 64 bits. A length of 0 does not wrap.</summary>
    public static bool Wraps(ulong first, ulong length) => length != 0 && length - 1 > ulong.MaxValue - first;

    /// <summary>The range of <paramref name="length"/> bytes from <paramref name="first"/>; the caller has excluded length 0 and wrapping.</summary>
    public static AddressRange Of(ulong first, ulong length) => new(first, first + (length - 1));

    /// <summary>The naturally aligned block of 2^<paramref name="sizeLg2"/> bytes that holds <paramref name="address"/>.</summary>
    public static AddressRange Block(ulong address, int sizeLg2)
    {
        ulong low = Bits.Mask(sizeLg2);
        return new(address & ~low, address | low);
    }

    public bool Contains(ulong address) => First <= address && address <= Last;

    public bool Contains(AddressRange other) => First <= other.First && other.Last <= Last;

    public bool Overlaps(AddressRange other) => First <= other.Last && other.First <= Last;

    /// <summary>The common part; the caller has made sure that the two overlap.</summary>
    public AddressRange Intersect(AddressRange other) => new(Math.Max(First, other.First), Math.Min(Last, other.Last));

    /// <summary>Size in bytes. Only <see cref="Everything"/> has none that fits; it is never asked.</summary>
    public ulong Length => Last - First + 1;

    public override string ToString() => $"0x{First:x}..0x{Last:x}";
}

/// <summary>Arithmetic on bit positions.</summary>
public static class Bits
{
    /// <summary>The lowest <paramref name="count"/> bits set; all 64 for 64 and above.</summary>
    public static ulong Mask(int count) => count >= 64 ? ulong.MaxValue : ~(ulong.MaxValue << count);

    /// <summary>Bits <paramref name="high"/> down to <paramref name="low"/> (inclusive) set.</summary>
    public static ulong Span(int high, int low) => Mask(high + 1) & ~Mask(low);

    /// <summary>The value of bits <paramref name="high"/> down to <paramref name="low"/> (inclusive).</summary>
    public static ulong Field(ulong word, int high, int low) => (word & Span(high, low)) >> low;
}

/// <summary>What a mapping lets a device do, and the attributes that travel with it.
/// Source: Linux include/linux/iommu.h, IOMMU_READ to IOMMU_PRIV, same bit positions.</summary>
[Flags]
public enum Rights : byte
{
    None = 0,
    Read = 1,
    Write = 2,
    Cache = 4,
    NoExec = 8,
    Mmio = 16,
    Priv = 32,
}

/// <summary>What a device wants to do with a byte.</summary>
public enum AccessKind : byte
{
    Read,
    Write,
}
