using IommuSpec;

namespace IommuHarness.Generate;

/// <summary>The tiny universe where tables change through map and unmap.</summary>
internal static class SoftwareUniverse
{
    private const ulong Granule = Platform.Granule;
    private const Rights Both = Rights.Read | Rights.Write;

    internal static Universe Of() => new(
        [
            new("nothing", []),
            new("a device with a mapping that it has used",
            [
                new Op.Attach(0, 0),
                new Op.Map(0, Universe.Lower, Granule, Universe.Here, Both),
                Universe.Access(0, AccessKind.Read, Universe.Lower),
            ]),
        ],
        [.. Devices, .. Maps, .. Unmaps, .. Invalidations, .. Accesses, .. Others]);

    private static ReadOnlySpan<Op> Devices => (Op[])
    [
        new Op.Attach(0, 0),
        new Op.Attach(1, 0),
        new Op.Attach(0, 1),
        new Op.AttachIdentity(0),
        new Op.Detach(0),
        new Op.FreeDomain(0),
    ];

    private static ReadOnlySpan<Op> Maps => (Op[])
    [
        new Op.Map(0, Universe.Lower, Granule, Universe.Here, Both),
        new Op.Map(0, Universe.Lower, Granule, Universe.Elsewhere, Rights.Read),
        new Op.Map(0, Universe.Upper, Granule, Universe.Here + Granule, Both),
        new Op.Map(0, Universe.Lower, 2 * Granule, Universe.Elsewhere, Both),
        new Op.Map(0, Universe.Upper, Universe.LargeSize, Universe.Large, Rights.Write),
        new Op.Map(1, Universe.Lower, Granule, Universe.Elsewhere, Both),
    ];

    private static ReadOnlySpan<Op> Unmaps => (Op[])
    [
        new Op.Unmap(0, Universe.Lower, Granule),
        new Op.Unmap(0, Universe.Upper, Granule),
        new Op.Unmap(0, Universe.Lower, 2 * Granule),
        new Op.UnmapAll(0),
    ];

    private static ReadOnlySpan<Op> Invalidations => (Op[])
    [
        new Op.Invalidate(0, Universe.Lower, Granule),
        new Op.Invalidate(0, Universe.Upper, Granule),
        new Op.Invalidate(0, Universe.Lower, 2 * Granule),
        new Op.InvalidateDomain(0),
        Fixed.InvalidateAll,
    ];

    private static ReadOnlySpan<Op> Accesses => (Op[])
    [
        Universe.Access(0, AccessKind.Read, Universe.Lower),
        Universe.Access(0, AccessKind.Write, Universe.Lower),
        Universe.Access(0, AccessKind.Read, Universe.Upper),
        Universe.Access(0, AccessKind.Write, Universe.Upper - 4), // the end of one granule and the start of the other
        Universe.Access(1, AccessKind.Read, Universe.Lower),
        new Op.Lookup(0, Universe.Lower),
        new Op.Lookup(0, Universe.Upper),
    ];

    private static ReadOnlySpan<Op> Others => (Op[])
    [
        new Op.FailNext(1),
        new Op.FailNext(2),
        Fixed.DrainFaults,
        Fixed.Audit,
    ];
}
