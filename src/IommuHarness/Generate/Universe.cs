using System.Collections.Immutable;
using IommuSpec;

namespace IommuHarness.Generate;

/// <summary>What has happened before a scenario of a universe begins.</summary>
public sealed record Scene(string Name, ImmutableArray<Op> Ops);

/// <summary>
/// So few operations that every scenario of a few of them can be run: two granules on either side of a boundary between two
/// leaf tables, two devices, two domains or domain ids, and the values that make them collide. Every operation is one instance, so
/// that scenarios can be compared operation by operation at no cost.
/// </summary>
/// <param name="Scenes">What scenarios begin with: each of them is run from each scene.</param>
/// <param name="Ops">What scenarios are made of.</param>
public sealed record Universe(ImmutableArray<Scene> Scenes, ImmutableArray<Op> Ops)
{
    /// <summary>The lower granule: the last of a leaf table.</summary>
    internal const ulong Lower = 0x1f_f000;

    /// <summary>The upper granule: the first of the next leaf table.</summary>
    internal const ulong Upper = Lower + Platform.Granule;

    /// <summary>Where the lower granule goes first; as far from a large page's boundary as it is, so that the two could share one.</summary>
    internal const ulong Here = 0x5f_f000;

    /// <summary>Where it goes instead.</summary>
    internal const ulong Elsewhere = 0x80_1000;

    /// <summary>A large page, 2 MiB.</summary>
    internal const ulong Large = 1UL << 30;

    /// <summary>Where the large page begins that holds the upper granule, and its bytes.</summary>
    internal const ulong LargeSize = 1UL << 21;

    /// <summary>The universe of a platform.</summary>
    public static Universe Of(Platform platform) =>
        platform.Contexts == ContextMode.Software ? SoftwareUniverse.Of() : new HardwareUniverse(platform).Universe();

    /// <summary>A bus word's access of a device.</summary>
    internal static Op.Access Access(int device, AccessKind kind, ulong iova) => new(device, kind, iova, 8);
}
