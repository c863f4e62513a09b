using IommuSpec;

namespace IommuHarness.Shrink;

/// <summary>What an argument of an operation is. Arguments of one kind can be changed together.</summary>
internal enum ArgumentKind : byte
{
    Device,
    Domain,

    /// <summary>An IOVA.</summary>
    Iova,
    Length,

    /// <summary>A physical address.</summary>
    Physical,

    /// <summary>A word of memory, most often with a physical address in its bits 51:12.</summary>
    Word,
    DomainId,

    /// <summary>Rights, flags and small numbers.</summary>
    Small,
}

/// <summary>One argument, as a number.</summary>
internal readonly record struct Argument(ArgumentKind Kind, ulong Value);

/// <summary>An operation's arguments as a list of numbers and back, so that one pass can change any of them.</summary>
internal static class OpArguments
{
    internal static Argument[] Of(Op op) => op switch
    {
        Op.Attach o => [Device(o.Device), Domain(o.Domain)],
        Op.AttachIdentity o => [Device(o.Device)],
        Op.Detach o => [Device(o.Device)],
        Op.Map o => [Domain(o.Domain), Iova(o.Iova), Length(o.Length), Physical(o.Physical), Small((ulong)o.Rights)],
        Op.Unmap o => [Domain(o.Domain), Iova(o.Iova), Length(o.Length)],
        Op.UnmapAll o => [Domain(o.Domain)],
        Op.Lookup o => [Domain(o.Domain), Iova(o.Iova)],
        Op.Invalidate o => [Domain(o.Domain), Iova(o.Iova), Length(o.Length)],
        Op.InvalidateDomain o => [Domain(o.Domain)],
        Op.FreeDomain o => [Domain(o.Domain)],
        Op.Access o => [Device(o.Device), Small((ulong)o.Kind), Iova(o.Iova), Length(o.Length)],
        Op.Poke o => [Physical(o.Physical), new(ArgumentKind.Word, o.Value)],
        Op.Peek o => [Physical(o.Physical)],
        Op.Program o => [Device(o.Device), Physical(o.Root), Id(o.DomainId)],
        Op.Unprogram o => [Device(o.Device)],
        Op.SetRootTable o => [Physical(o.Physical)],
        Op.SetTranslation o => [Small(o.On ? 1UL : 0)],
        Op.FlushContexts o => [Small((ulong)o.Granularity), Id(o.DomainId), Device(o.Device), Small((ulong)o.FunctionMask)],
        Op.FlushIotlb o => [Small((ulong)o.Granularity), Id(o.DomainId), Iova(o.Address), Small((ulong)o.SizeLg2Pages), Small(o.LeafOnly ? 1UL : 0)],
        Op.FailNext o => [Small((ulong)o.Index)],
        _ => [],
    };

    /// <summary>The same operation with other arguments; null where the values are none that the operation can have.</summary>
    internal static Op? With(Op op, Argument[] a) => op switch
    {
        Op.Attach => new Op.Attach((int)a[0].Value, (int)a[1].Value),
        Op.AttachIdentity => new Op.AttachIdentity((int)a[0].Value),
        Op.Detach => new Op.Detach((int)a[0].Value),
        Op.Map => new Op.Map((int)a[0].Value, a[1].Value, a[2].Value, a[3].Value, (Rights)a[4].Value),
        Op.Unmap => new Op.Unmap((int)a[0].Value, a[1].Value, a[2].Value),
        Op.UnmapAll => new Op.UnmapAll((int)a[0].Value),
        Op.Lookup => new Op.Lookup((int)a[0].Value, a[1].Value),
        Op.Invalidate => new Op.Invalidate((int)a[0].Value, a[1].Value, a[2].Value),
        Op.InvalidateDomain => new Op.InvalidateDomain((int)a[0].Value),
        Op.FreeDomain => new Op.FreeDomain((int)a[0].Value),
        Op.Access => new Op.Access((int)a[0].Value, (AccessKind)a[1].Value, a[2].Value, a[3].Value),
        Op.Poke => new Op.Poke(a[0].Value, a[1].Value),
        Op.Peek => new Op.Peek(a[0].Value),
        Op.Program => new Op.Program((int)a[0].Value, a[1].Value, (ushort)a[2].Value),
        Op.Unprogram => new Op.Unprogram((int)a[0].Value),
        Op.SetRootTable => new Op.SetRootTable(a[0].Value),
        Op.SetTranslation => new Op.SetTranslation(a[0].Value != 0),
        Op.FlushContexts => Contexts(a),
        Op.FlushIotlb => Iotlb(a),
        Op.FailNext => new Op.FailNext((int)a[0].Value),
        _ => op,
    };

    private static Op.FlushContexts? Contexts(Argument[] a) => (FlushGranularity)a[0].Value switch
    {
        FlushGranularity.Global => new(FlushGranularity.Global, 0, 0, 0),
        FlushGranularity.Domain => new(FlushGranularity.Domain, (ushort)a[1].Value, 0, 0),
        FlushGranularity.Selective => new(FlushGranularity.Selective, (ushort)a[1].Value, (int)a[2].Value, (int)a[3].Value),
        _ => null,
    };

    private static Op.FlushIotlb? Iotlb(Argument[] a) => (FlushGranularity)a[0].Value switch
    {
        FlushGranularity.Global => new(FlushGranularity.Global, 0, 0, 0, false),
        FlushGranularity.Domain => new(FlushGranularity.Domain, (ushort)a[1].Value, 0, 0, false),
        FlushGranularity.Selective => new(FlushGranularity.Selective, (ushort)a[1].Value, a[2].Value, (int)a[3].Value, a[4].Value != 0),
        _ => null,
    };

    private static Argument Device(int slot) => new(ArgumentKind.Device, (ulong)slot);

    private static Argument Domain(int slot) => new(ArgumentKind.Domain, (ulong)slot);

    private static Argument Iova(ulong iova) => new(ArgumentKind.Iova, iova);

    private static Argument Length(ulong length) => new(ArgumentKind.Length, length);

    private static Argument Physical(ulong physical) => new(ArgumentKind.Physical, physical);

    private static Argument Id(ushort id) => new(ArgumentKind.DomainId, id);

    private static Argument Small(ulong value) => new(ArgumentKind.Small, value);
}
