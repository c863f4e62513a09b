using System.Collections.Immutable;
using FsCheck;
using FsCheck.Fluent;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuVerify.Tests.Properties.Support;

/// <summary>What a property may have as an argument, beyond what FsCheck brings. FsCheck finds these by their types.</summary>
public static class Arbitraries
{
    /// <summary>Any 64-bit word, boundaries often.</summary>
    public static Arbitrary<ulong> Word() => Values.Word.ToArbitrary();

    public static Arbitrary<Platform> Platform() => Language.Platform.ToArbitrary();

    public static Arbitrary<Scenario> Scenario() => Arb.From(Language.Scenario, Fewer);

    public static Arbitrary<TraceFile> Trace() => Language.Trace.ToArbitrary();

    public static Arbitrary<FuzzBytes> Bytes() => FuzzBytes.Gen.ToArbitrary();

    public static Arbitrary<DamagedTrace> Damaged() => DamagedTrace.Gen.ToArbitrary();

    public static Arbitrary<Seed> Seed() => Values.AnyWord.Select(word => new Seed(word)).ToArbitrary();

    public static Arbitrary<AnyPlay> AnyPlay() => Support.AnyPlay.Gen.ToArbitrary();

    public static Arbitrary<SoftwarePlay> SoftwarePlay() => Support.SoftwarePlay.Gen.ToArbitrary();

    public static Arbitrary<RawPlay> RawPlay() => Support.RawPlay.Gen.ToArbitrary();

    private static IEnumerable<Scenario> Fewer(Scenario scenario) =>
        Enumerable.Range(0, scenario.Ops.Length).Select(i => scenario with { Ops = scenario.Ops.RemoveAt(i) });
}

/// <summary>Bytes as a fuzzer makes them: sometimes noise, mostly blocks of 32 with fields that mean something, and a ragged end.</summary>
public sealed record FuzzBytes(ImmutableArray<byte> Bytes)
{
    internal static Gen<FuzzBytes> Gen => FsCheck.Fluent.Gen.Frequency((1, Noise), (3, Blocks));

    private static Gen<FuzzBytes> Noise => FsCheck.Fluent.Gen.ArrayOf(Values.Byte).Select(bytes => new FuzzBytes([.. bytes]));

    private static Gen<FuzzBytes> Blocks =>
        from header in FsCheck.Fluent.Gen.OneOf(
            FsCheck.Fluent.Gen.ArrayOf(Values.Byte, ByteCodec.HeaderLength),
            FsCheck.Fluent.Gen.Constant(new byte[ByteCodec.HeaderLength]))
        from records in FsCheck.Fluent.Gen.ArrayOf(Record)
        from tailLength in FsCheck.Fluent.Gen.Choose(0, ByteCodec.RecordLength - 1)
        from tail in FsCheck.Fluent.Gen.ArrayOf(Values.Byte, tailLength)
        select new FuzzBytes([.. header, .. records.SelectMany(record => record), .. tail]);

    private static Gen<byte[]> Record =>
        from head in FsCheck.Fluent.Gen.ArrayOf(Values.Byte, 8)
        from device in Values.Slot
        from domain in Values.Slot
        from words in FsCheck.Fluent.Gen.ArrayOf(Values.Word, 3)
        select (byte[])[head[0], (byte)device, (byte)domain, .. head[3..], .. words.SelectMany(BitConverter.GetBytes)];

    public override string ToString() => Convert.ToHexStringLower(Bytes.AsSpan());
}

/// <summary>A trace with one character changed, inserted or lost, or with its end cut off.</summary>
public sealed record DamagedTrace(string Text)
{
    private const string Characters = "\n\r\t #=+:,-_.019afgxz\"\0\uFEFF\uD800é";

    private enum Damage
    {
        Truncated,
        Lost,
        Inserted,
        Changed,
    }

    internal static Gen<DamagedTrace> Gen =>
        from trace in Language.Trace
        let whole = TraceText.Write(trace)
        from at in FsCheck.Fluent.Gen.Choose(0, whole.Length - 1)
        from damage in Values.Member<Damage>()
        from character in FsCheck.Fluent.Gen.Elements(Characters.ToCharArray())
        select new DamagedTrace(damage switch
        {
            Damage.Truncated => whole[..at],
            Damage.Lost => whole.Remove(at, 1),
            Damage.Inserted => whole.Insert(at, character.ToString()),
            _ => whole.Remove(at, 1).Insert(at, character.ToString()),
        });

    public override string ToString() => Text;
}
