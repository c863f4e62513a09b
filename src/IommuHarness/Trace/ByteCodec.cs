using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using IommuSpec;

namespace IommuHarness.Trace;

/// <summary>
/// Scenarios as bytes, for fuzzers: a header and records, both of 32 bytes, so that inserting, erasing and splicing blocks of
/// 32 acts on whole operations. Every byte string is a scenario.
/// </summary>
/// <remarks>
/// Header: byte 0 is the version, 1; the following ones are the platform's properties, each as the distance of its value's
/// number from the default's, so that zeros are the default platform and room for later properties is free.
/// Record: byte 0 kind, 1 device, 2 domain, 3 flags, 4 granularity, 5 a small number, 6 and 7 domain id, then three words at
/// 8, 16 and 24, all little-endian. Bytes that a kind does not use are written as 0 and ignored.
/// </remarks>
public static class ByteCodec
{
    /// <summary>Bytes of the header.</summary>
    public const int HeaderLength = 32;

    /// <summary>Bytes of an operation.</summary>
    public const int RecordLength = 32;

    private const byte Version = 1;
    private const int KindCount = (int)Kind.Audit + 1;
    private const int GranularityCount = 3;
    private const int RightsMask = 0x3f;

    private static readonly Op InvalidateAll = new Op.InvalidateAll();
    private static readonly Op DrainFaults = new Op.DrainFaults();
    private static readonly Op Audit = new Op.Audit();

    /// <summary>The first byte of a record. Numbers are never changed, so that old corpora keep their meaning.</summary>
    private enum Kind : byte
    {
        Attach,
        AttachIdentity,
        Detach,
        Map,
        Unmap,
        UnmapAll,
        Lookup,
        Invalidate,
        InvalidateDomain,
        InvalidateAll,
        FreeDomain,
        Access,
        Poke,
        Peek,
        Program,
        Unprogram,
        SetRootTable,
        SetTranslation,
        FlushContexts,
        FlushIotlb,
        DrainFaults,
        FailNext,
        Audit,
    }

    /// <summary>The bytes of a scenario; decoding them gives it back.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It has a value that the language does not: a slot above 255, an illegal platform.</exception>
    public static byte[] Encode(Scenario scenario)
    {
        byte[] bytes = new byte[HeaderLength + scenario.Ops.Length * RecordLength];
        EncodePlatform(scenario.Platform, bytes);
        for (int i = 0; i < scenario.Ops.Length; i++)
            EncodeOp(scenario.Ops[i], bytes.AsSpan(HeaderLength + i * RecordLength, RecordLength));
        return bytes;
    }

    /// <summary>The scenario of any bytes: a short header is filled up with zeros, a short last record is dropped.</summary>
    public static Scenario Decode(ReadOnlySpan<byte> bytes)
    {
        int count = Math.Max(0, bytes.Length - HeaderLength) / RecordLength;
        Op[] ops = new Op[count];
        for (int i = 0; i < ops.Length; i++)
            ops[i] = DecodeOp(bytes.Slice(HeaderLength + i * RecordLength, RecordLength));
        return new(DecodePlatform(bytes), ImmutableCollectionsMarshal.AsImmutableArray(ops));
    }

    private static void EncodePlatform(Platform platform, Span<byte> header)
    {
        header[0] = Version;
        ImmutableArray<PlatformProperty> properties = PlatformProperties.All;
        for (int i = 0; i < properties.Length; i++)
        {
            PlatformProperty property = properties[i];
            int count = property.Words.Length;
            header[1 + i] = (byte)((PlatformText.LegalIndex(property, platform) - property.DefaultIndex + count) % count);
        }
    }

    private static Platform DecodePlatform(ReadOnlySpan<byte> bytes)
    {
        Platform platform = PlatformProperties.Default;
        ImmutableArray<PlatformProperty> properties = PlatformProperties.All;
        int given = Math.Min(properties.Length, bytes.Length - 1);
        for (int i = 0; i < given; i++)
        {
            PlatformProperty property = properties[i];
            int distance = bytes[1 + i] % property.Words.Length;
            if (distance != 0)
                platform = property.With(platform, (property.DefaultIndex + distance) % property.Words.Length);
        }

        if (!PlatformProperties.LevelsFit(platform))
            platform = platform with { LevelCount = PlatformProperties.Default.LevelCount };
        return PlatformProperties.ContextsFit(platform) ? platform : platform with { Contexts = PlatformProperties.Default.Contexts };
    }

    private static void EncodeOp(Op op, Span<byte> record)
    {
        switch (op)
        {
            case Op.Attach a: Put(record, Kind.Attach, device: a.Device, domain: a.Domain); break;
            case Op.AttachIdentity a: Put(record, Kind.AttachIdentity, device: a.Device); break;
            case Op.Detach d: Put(record, Kind.Detach, device: d.Device); break;
            case Op.Map m:
                Put(record, Kind.Map, domain: m.Domain, flags: (int)m.Rights, first: m.Iova, second: m.Length, third: m.Physical);
                break;
            case Op.Unmap u: Put(record, Kind.Unmap, domain: u.Domain, first: u.Iova, second: u.Length); break;
            case Op.UnmapAll u: Put(record, Kind.UnmapAll, domain: u.Domain); break;
            case Op.Lookup l: Put(record, Kind.Lookup, domain: l.Domain, first: l.Iova); break;
            case Op.Invalidate i: Put(record, Kind.Invalidate, domain: i.Domain, first: i.Iova, second: i.Length); break;
            case Op.InvalidateDomain i: Put(record, Kind.InvalidateDomain, domain: i.Domain); break;
            case Op.InvalidateAll: Put(record, Kind.InvalidateAll); break;
            case Op.FreeDomain f: Put(record, Kind.FreeDomain, domain: f.Domain); break;
            case Op.Access a:
                Put(record, Kind.Access, device: a.Device, flags: (int)a.Kind, first: a.Iova, second: a.Length);
                break;
            case Op.Poke p: Put(record, Kind.Poke, first: p.Physical, second: p.Value); break;
            case Op.Peek p: Put(record, Kind.Peek, first: p.Physical); break;
            case Op.Program p: Put(record, Kind.Program, device: p.Device, domainId: p.DomainId, first: p.Root); break;
            case Op.Unprogram u: Put(record, Kind.Unprogram, device: u.Device); break;
            case Op.SetRootTable s: Put(record, Kind.SetRootTable, first: s.Physical); break;
            case Op.SetTranslation s: Put(record, Kind.SetTranslation, flags: s.On ? 1 : 0); break;
            case Op.FlushContexts f: EncodeFlush(f, record); break;
            case Op.FlushIotlb f: EncodeFlush(f, record); break;
            case Op.DrainFaults: Put(record, Kind.DrainFaults); break;
            case Op.FailNext f: Put(record, Kind.FailNext, first: checked((uint)f.Index)); break;
            case Op.Audit: Put(record, Kind.Audit); break;
            default: throw new ArgumentOutOfRangeException(nameof(op), op, "an operation without a byte form");
        }
    }

    private static void EncodeFlush(Op.FlushContexts f, Span<byte> record) =>
        Put(record, Kind.FlushContexts, device: f.Device, granularity: f.Granularity, small: f.FunctionMask, domainId: f.DomainId);

    private static void EncodeFlush(Op.FlushIotlb f, Span<byte> record) =>
        Put(
            record,
            Kind.FlushIotlb,
            flags: f.LeafOnly ? 1 : 0,
            granularity: f.Granularity,
            small: f.SizeLg2Pages,
            domainId: f.DomainId,
            first: f.Address);

    private static void Put(
        Span<byte> record,
        Kind kind,
        int device = 0,
        int domain = 0,
        int flags = 0,
        FlushGranularity granularity = FlushGranularity.Global,
        int small = 0,
        ushort domainId = 0,
        ulong first = 0,
        ulong second = 0,
        ulong third = 0)
    {
        record[0] = (byte)kind;
        record[1] = Small(device, byte.MaxValue);
        record[2] = Small(domain, byte.MaxValue);
        record[3] = Small(flags, RightsMask);
        record[4] = Small((int)granularity - (int)FlushGranularity.Global, GranularityCount - 1);
        record[5] = Small(small, byte.MaxValue);
        BinaryPrimitives.WriteUInt16LittleEndian(record[6..], domainId);
        BinaryPrimitives.WriteUInt64LittleEndian(record[8..], first);
        BinaryPrimitives.WriteUInt64LittleEndian(record[16..], second);
        BinaryPrimitives.WriteUInt64LittleEndian(record[24..], third);
    }

    private static byte Small(int value, int last) =>
        (uint)value <= (uint)last ? (byte)value : throw new ArgumentOutOfRangeException(nameof(value), value, "does not fit in a record");

    private static Op DecodeOp(ReadOnlySpan<byte> record)
    {
        int device = record[1];
        int domain = record[2];
        byte flags = record[3];
        bool flag = (flags & 1) != 0;
        ulong first = BinaryPrimitives.ReadUInt64LittleEndian(record[8..]);
        ulong second = BinaryPrimitives.ReadUInt64LittleEndian(record[16..]);
        return (Kind)(record[0] % KindCount) switch
        {
            Kind.Attach => new Op.Attach(device, domain),
            Kind.AttachIdentity => new Op.AttachIdentity(device),
            Kind.Detach => new Op.Detach(device),
            Kind.Map => new Op.Map(domain, first, second, BinaryPrimitives.ReadUInt64LittleEndian(record[24..]), (Rights)(flags & RightsMask)),
            Kind.Unmap => new Op.Unmap(domain, first, second),
            Kind.UnmapAll => new Op.UnmapAll(domain),
            Kind.Lookup => new Op.Lookup(domain, first),
            Kind.Invalidate => new Op.Invalidate(domain, first, second),
            Kind.InvalidateDomain => new Op.InvalidateDomain(domain),
            Kind.InvalidateAll => InvalidateAll,
            Kind.FreeDomain => new Op.FreeDomain(domain),
            Kind.Access => new Op.Access(device, flag ? AccessKind.Write : AccessKind.Read, first, second),
            Kind.Poke => new Op.Poke(first, second),
            Kind.Peek => new Op.Peek(first),
            Kind.Program => new Op.Program(device, first, DomainId(record)),
            Kind.Unprogram => new Op.Unprogram(device),
            Kind.SetRootTable => new Op.SetRootTable(first),
            Kind.SetTranslation => new Op.SetTranslation(flag),
            Kind.FlushContexts => DecodeFlushContexts(record),
            Kind.FlushIotlb => DecodeFlushIotlb(record),
            Kind.DrainFaults => DrainFaults,
            Kind.FailNext => new Op.FailNext((int)(first & int.MaxValue)),
            _ => Audit,
        };
    }

    private static Op.FlushContexts DecodeFlushContexts(ReadOnlySpan<byte> record) => Granularity(record) switch
    {
        FlushGranularity.Global => new(FlushGranularity.Global, 0, 0, 0),
        FlushGranularity.Domain => new(FlushGranularity.Domain, DomainId(record), 0, 0),
        _ => new(FlushGranularity.Selective, DomainId(record), record[1], record[5]),
    };

    private static Op.FlushIotlb DecodeFlushIotlb(ReadOnlySpan<byte> record) => Granularity(record) switch
    {
        FlushGranularity.Global => new(FlushGranularity.Global, 0, 0, 0, false),
        FlushGranularity.Domain => new(FlushGranularity.Domain, DomainId(record), 0, 0, false),
        _ => new(
            FlushGranularity.Selective,
            DomainId(record),
            BinaryPrimitives.ReadUInt64LittleEndian(record[8..]),
            record[5],
            (record[3] & 1) != 0),
    };

    private static FlushGranularity Granularity(ReadOnlySpan<byte> record) =>
        (FlushGranularity)(record[4] % GranularityCount + (int)FlushGranularity.Global);

    private static ushort DomainId(ReadOnlySpan<byte> record) => BinaryPrimitives.ReadUInt16LittleEndian(record[6..]);
}
