using System.Collections.Immutable;

namespace IommuSpec.Formats;

/// <summary>What a bit of an entry is for.</summary>
public enum Use : byte
{
    /// <summary>Has a meaning here.</summary>
    Meaning,

    /// <summary>Free for software; hardware does not look.</summary>
    Ignored,

    /// <summary>Must be 0; hardware faults otherwise.</summary>
    Reserved,
}

/// <summary>One row of a manual's table of bits.</summary>
/// <param name="Name">The manual's name.</param>
/// <param name="High">Highest bit, inclusive.</param>
/// <param name="Low">Lowest bit, inclusive.</param>
/// <param name="Use">What it is for.</param>
public readonly record struct BitField(string Name, int High, int Low, Use Use = Use.Meaning)
{
    public ulong Mask => Bits.Span(High, Low);

    /// <summary>All bits that a table calls reserved.</summary>
    public static ulong ReservedMask(ImmutableArray<BitField> fields)
    {
        ulong mask = 0;
        foreach (BitField field in fields)
            mask |= field.Use == Use.Reserved ? field.Mask : 0;
        return mask;
    }

    public static Use UnlessThenReserved(bool exists) => exists ? Use.Meaning : Use.Reserved;
}
