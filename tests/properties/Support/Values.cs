using System.Buffers.Binary;
using FsCheck;
using FsCheck.Fluent;
using IommuSpec;

namespace IommuVerify.Tests.Properties.Support;

/// <summary>Generators of the numbers that operations are made of; boundaries come up as often as anything else.</summary>
internal static class Values
{
    public static readonly Gen<byte> Byte = Gen.Choose(0, byte.MaxValue).Select(value => (byte)value);

    public static readonly Gen<bool> Bool = Gen.Elements(false, true);

    /// <summary>A device or a domain: mostly one of three, so that they collide.</summary>
    public static readonly Gen<int> Slot = Gen.Frequency(
        (6, Gen.Choose(0, 2)),
        (1, Gen.Constant(Platform.SlotCount - 1)),
        (1, Gen.Choose(0, Platform.SlotCount - 1)));

    public static readonly Gen<ushort> DomainId = Gen.Frequency(
        (2, Gen.Elements<ushort>(0, 1, 0xff, 0x100, 0x101, ushort.MaxValue)),
        (1, Gen.Choose(0, ushort.MaxValue).Select(value => (ushort)value)));

    /// <summary>A small operand: a function mask, a page count's log2.</summary>
    public static readonly Gen<int> Small = Gen.Frequency(
        (2, Gen.Elements(0, 1, 3, 9, 18, 19, 63, 64, 255)),
        (1, Gen.Choose(0, byte.MaxValue)));

    /// <summary>A count that fits in 31 bits.</summary>
    public static readonly Gen<int> Count = Gen.Frequency(
        (2, Gen.Elements(0, 1, 2, 255, 256, int.MaxValue - 1, int.MaxValue)),
        (1, Gen.Choose(0, int.MaxValue)));

    private static readonly ulong[] Landmarks =
        [0, 1, 8, 0xfff, 0x1000, 0x1001, 0x20_0000, 0x4000_0000, 0xfee0_0000, 0xfeef_ffff, 0xfef0_0000, ulong.MaxValue - 0xfff, ulong.MaxValue - 1, ulong.MaxValue];

    /// <summary>All 64 bits alike.</summary>
    public static readonly Gen<ulong> AnyWord = Gen.ArrayOf(Byte, sizeof(ulong)).Select(bytes => BinaryPrimitives.ReadUInt64LittleEndian(bytes));

    /// <summary>A power of two, or one of its neighbours.</summary>
    private static readonly Gen<ulong> NearPower =
        from bit in Gen.Choose(0, 63)
        from offset in Gen.Elements(ulong.MaxValue, 0UL, 1UL)
        select unchecked((1UL << bit) + offset);

    /// <summary>A 64-bit word: landmarks, powers of two and their neighbours, small page numbers, anything.</summary>
    public static readonly Gen<ulong> Word = Gen.Frequency(
        (3, Gen.Elements(Landmarks)),
        (3, NearPower),
        (3, Gen.Choose(0, 64).Select(page => (ulong)page << Platform.GranuleLg2)),
        (1, AnyWord));

    public static Gen<T> Member<T>()
        where T : struct, Enum => Gen.Elements(Enum.GetValues<T>());
}
