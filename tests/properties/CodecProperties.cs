using System.Collections.Immutable;
using System.Reflection;
using IommuHarness.Trace;
using IommuSpec;
using IommuVerify.Tests.Properties.Support;
using Xunit;

namespace IommuVerify.Tests.Properties;

/// <summary>Laws of the byte form.</summary>
public class CodecProperties
{
    [SpecProperty]
    public void Decoding_gives_back_what_was_encoded(Scenario scenario) =>
        Assert.Equal(scenario, ByteCodec.Decode(ByteCodec.Encode(scenario)));

    [SpecProperty]
    public void Every_byte_string_is_a_scenario_that_encodes_to_itself(FuzzBytes bytes)
    {
        Scenario scenario = ByteCodec.Decode(bytes.Bytes.AsSpan());
        Assert.Equal(scenario, ByteCodec.Decode(ByteCodec.Encode(scenario)));
    }

    [SpecProperty]
    public void Every_byte_string_has_a_text_form(FuzzBytes bytes)
    {
        Scenario scenario = ByteCodec.Decode(bytes.Bytes.AsSpan());
        Assert.Equal(scenario, TraceText.Read(TraceText.Write(scenario), "bytes").Scenario);
    }

    [SpecProperty]
    public void A_block_of_32_bytes_is_an_operation(FuzzBytes bytes)
    {
        Scenario scenario = ByteCodec.Decode(bytes.Bytes.AsSpan());
        for (int i = 0; i < scenario.Ops.Length; i++)
        {
            ImmutableArray<byte> erased = bytes.Bytes.RemoveRange(ByteCodec.HeaderLength + i * ByteCodec.RecordLength, ByteCodec.RecordLength);
            Assert.Equal(scenario with { Ops = scenario.Ops.RemoveAt(i) }, ByteCodec.Decode(erased.AsSpan()));
        }
    }

    [SpecProperty]
    public void A_short_end_is_dropped(FuzzBytes bytes)
    {
        int records = Math.Max(0, bytes.Bytes.Length - ByteCodec.HeaderLength) / ByteCodec.RecordLength;
        Assert.Equal(records, ByteCodec.Decode(bytes.Bytes.AsSpan()).Ops.Length);
    }

    [Fact]
    public void No_bytes_are_the_default_platform_without_operations()
    {
        Scenario scenario = ByteCodec.Decode([]);
        Assert.Equal(new Platform(), scenario.Platform);
        Assert.Empty(scenario.Ops);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0xff)]
    public void Unused_bytes_and_the_version_are_ignored(byte filling)
    {
        byte[] bytes = ByteCodec.Encode(new(new Platform(), [new Op.Audit()]));
        bytes[0] = filling;
        bytes.AsSpan(ByteCodec.HeaderLength + 1).Fill(filling);
        Assert.Equal([new Op.Audit()], ByteCodec.Decode(bytes).Ops);
    }

    [Fact]
    public void What_the_language_does_not_have_is_not_encoded()
    {
        Platform platform = new();
        Assert.Throws<ArgumentOutOfRangeException>(() => ByteCodec.Encode(new(platform, [new Op.Detach(Platform.SlotCount)])));
        Assert.Throws<ArgumentOutOfRangeException>(() => ByteCodec.Encode(new(platform, [new Op.UnmapAll(-1)])));
        Assert.Throws<ArgumentOutOfRangeException>(() => ByteCodec.Encode(new(platform with { LevelCount = 6 }, [])));
        Assert.Throws<ArgumentOutOfRangeException>(() => ByteCodec.Encode(new(
            platform with { Format = TableFormat.X86FirstStage, Contexts = ContextMode.VtdLegacy }, [])));
    }

    /// <summary>A stored corpus lives as long as these numbers stay what they are.</summary>
    [Fact]
    public void The_layout_of_a_record_is_fixed()
    {
        string[] lines =
        [
            "attach d1 dom2",
            "attach d1 identity",
            "detach d1",
            "map dom2 0x1716151413121110 len 0x1f1e1d1c1b1a1918 to 0x2726252423222120 rw",
            "unmap dom2 0x1716151413121110 len 0x1f1e1d1c1b1a1918",
            "unmap dom2 all",
            "lookup dom2 0x1716151413121110",
            "invalidate dom2 0x1716151413121110 len 0x1f1e1d1c1b1a1918",
            "invalidate dom2 all",
            "invalidate all",
            "free dom2",
            "write d1 0x1716151413121110 len 0x1f1e1d1c1b1a1918",
            "poke 0x1716151413121110 value 0x1f1e1d1c1b1a1918",
            "peek 0x1716151413121110",
            "program d1 root 0x1716151413121110 did 0x706",
            "unprogram d1",
            "root-table 0x1716151413121110",
            "translation on",
            "flush-contexts did 0x706 d1 mask 5",
            "flush-iotlb did 0x706 at 0x1716151413121110 pages-lg2 5 leaf-only",
            "drain-faults",
            "fail-next 319951120",
            "audit",
        ];
        byte[] record = [0, 1, 2, 3, 2, 5, 6, 7, .. Enumerable.Range(0x10, 24).Select(value => (byte)value)];
        byte[] bytes = [.. new byte[ByteCodec.HeaderLength], .. lines.SelectMany((_, kind) => record.Select((value, at) => at == 0 ? (byte)kind : value))];
        Assert.Equal(lines, ByteCodec.Decode(bytes).Ops.Select(OpText.Write));
    }

    [Fact]
    public void The_layout_of_the_header_is_fixed()
    {
        byte[] bytes = [0, .. Enumerable.Repeat((byte)1, 21)];
        bytes[1] = 0;
        Assert.Equal(
            "platform vtd-second-stage levels=5 contexts=direct pages-2m=no pages-1g=no physical-bits=47 iova-bits=58 contract=vfio "
            + "unmap=split caching-mode=yes widen-write-only=yes promote-superpages=yes reclaim-tables=no snoop-control=yes "
            + "device-tlb=yes pass-through=no widths=none fault-records=9 fault-compression=yes no-execute=no interrupt-window-reserved=yes",
            PlatformText.Write(ByteCodec.Decode(bytes).Platform));
    }

    /// <summary>A property that a platform gains later must get a byte and a word.</summary>
    [Fact]
    public void Every_property_of_a_platform_has_a_byte()
    {
        byte[] bytes = [0, .. Enumerable.Repeat((byte)1, ByteCodec.HeaderLength - 1)];
        Platform changed = ByteCodec.Decode(bytes).Platform;
        Assert.All(
            typeof(Platform).GetProperties(BindingFlags.Public | BindingFlags.Instance),
            property => Assert.NotEqual(property.GetValue(new Platform()), property.GetValue(changed)));
    }
}
