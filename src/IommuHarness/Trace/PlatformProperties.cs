using System.Collections.Immutable;
using System.Globalization;
using IommuSpec;

namespace IommuHarness.Trace;

/// <summary>
/// One property of a platform as both forms need it: a name and a numbered list of values, from 0. Text writes the value's
/// word, bytes its number.
/// </summary>
/// <param name="name">Its name in a trace.</param>
/// <param name="words">The word of each value.</param>
/// <param name="index">The number of a platform's value; outside the list where the value is not a legal one.</param>
/// <param name="with">The platform with the value of a number.</param>
internal sealed class PlatformProperty(
    string name,
    ImmutableArray<string> words,
    Func<Platform, int> index,
    Func<Platform, int, Platform> with)
{
    public string Name => name;

    public ImmutableArray<string> Words => words;

    /// <summary>The number of the value that a platform has where nothing is said.</summary>
    public int DefaultIndex { get; } = index(PlatformProperties.Default);

    public int Index(Platform platform) => index(platform);

    public Platform With(Platform platform, int number) => with(platform, number);
}

/// <summary>Every property of a platform, in the order of <see cref="Platform"/>'s declarations. Both forms only ever append.</summary>
internal static class PlatformProperties
{
    public static readonly Platform Default = new();

    public static readonly PlatformProperty Format = OfEnum("format", p => p.Format, (p, v) => p with { Format = v });

    public static readonly PlatformProperty Levels = OfRange("levels", 3, 5, p => p.LevelCount, (p, v) => p with { LevelCount = v });

    public static readonly PlatformProperty Contexts = OfEnum("contexts", p => p.Contexts, (p, v) => p with { Contexts = v });

    /// <summary>All of them, the format first.</summary>
    public static readonly ImmutableArray<PlatformProperty> All =
    [
        Format,
        Levels,
        Contexts,
        OfBool("pages-2m", p => p.Pages2M, (p, v) => p with { Pages2M = v }),
        OfBool("pages-1g", p => p.Pages1G, (p, v) => p with { Pages1G = v }),
        OfRange("physical-bits", 32, 52, p => p.PhysicalBits, (p, v) => p with { PhysicalBits = v }),
        OfRange("iova-bits", 30, 64, p => p.IovaBits, (p, v) => p with { IovaBits = v }),
        OfEnum("contract", p => p.Contract, (p, v) => p with { Contract = v }),
        OfEnum("unmap", p => p.Unmap, (p, v) => p with { Unmap = v }),
        OfBool("caching-mode", p => p.CachingMode, (p, v) => p with { CachingMode = v }),
        OfBool("widen-write-only", p => p.WidenWriteOnly, (p, v) => p with { WidenWriteOnly = v }),
        OfBool("promote-superpages", p => p.PromoteSuperpages, (p, v) => p with { PromoteSuperpages = v }),
        OfBool("reclaim-tables", p => p.ReclaimTables, (p, v) => p with { ReclaimTables = v }),
        OfBool("snoop-control", p => p.SnoopControl, (p, v) => p with { SnoopControl = v }),
        OfBool("device-tlb", p => p.DeviceTlb, (p, v) => p with { DeviceTlb = v }),
        OfBool("pass-through", p => p.PassThrough, (p, v) => p with { PassThrough = v }),
        OfWidths("widths"),
        OfRange("fault-records", 1, 255, p => p.FaultRecordCount, (p, v) => p with { FaultRecordCount = v }),
        OfBool("fault-compression", p => p.FaultCompression, (p, v) => p with { FaultCompression = v }),
        OfBool("no-execute", p => p.NoExecute, (p, v) => p with { NoExecute = v }),
        OfBool("interrupt-window-reserved", p => p.InterruptWindowReserved, (p, v) => p with { InterruptWindowReserved = v }),
        OfRange("memory-bits", 20, 64, p => p.MemoryBits, (p, v) => p with { MemoryBits = v }),
        OfRange("devices", 1, Platform.SlotCount, p => p.DeviceCount, (p, v) => p with { DeviceCount = v }),
        OfBool("window-reads-blocked", p => p.WindowReadsBlocked, (p, v) => p with { WindowReadsBlocked = v }),
        OfBool("faulting-walks-set-bits", p => p.FaultingWalksSetBits, (p, v) => p with { FaultingWalksSetBits = v }),
        OfBool("remembers-by-requester", p => p.RemembersByRequester, (p, v) => p with { RemembersByRequester = v }),
        OfBool("silent-cached-denials", p => p.SilentCachedDenials, (p, v) => p with { SilentCachedDenials = v }),
        OfBool("cached-writes-keep-clean", p => p.CachedWritesKeepClean, (p, v) => p with { CachedWritesKeepClean = v }),
        OfBool("window-stops-pages", p => p.WindowStopsPages, (p, v) => p with { WindowStopsPages = v }),
        OfBool("window-reads-as-zero", p => p.WindowReadsAsZero, (p, v) => p with { WindowReadsAsZero = v }),
        OfBool("outcome-reasons", p => p.OutcomeReasons, (p, v) => p with { OutcomeReasons = v }),
    ];

    /// <summary>First-stage tables have 4 or 5 levels. Source: Intel VT-d specification, first-stage paging modes.</summary>
    public static bool LevelsFit(Platform platform) => platform.Format != TableFormat.X86FirstStage || platform.LevelCount != 3;

    /// <summary>Legacy-mode context entries point to second-stage tables only. Source: Intel VT-d specification, legacy-mode context entry.</summary>
    public static bool ContextsFit(Platform platform) =>
        platform.Format != TableFormat.X86FirstStage || platform.Contexts != ContextMode.VtdLegacy;

    private static PlatformProperty OfEnum<T>(string name, Func<Platform, T> get, Func<Platform, T, Platform> with)
        where T : struct, Enum
    {
        T[] values = Enum.GetValues<T>();
        return new(name, [.. Words<T>.All], p => Array.IndexOf(values, get(p)), (p, index) => with(p, values[index]));
    }

    private static PlatformProperty OfBool(string name, Func<Platform, bool> get, Func<Platform, bool, Platform> with) =>
        new(name, ["no", "yes"], p => get(p) ? 1 : 0, (p, index) => with(p, index == 1));

    private static PlatformProperty OfRange(string name, int first, int last, Func<Platform, int> get, Func<Platform, int, Platform> with) =>
        new(
            name,
            [.. Enumerable.Range(first, last - first + 1).Select(value => value.ToString(CultureInfo.InvariantCulture))],
            p => get(p) - first,
            (p, index) => with(p, first + index));

    /// <summary>Bits 3:1 of SAGAW, each written as the width it stands for; the other bits of the field are reserved.</summary>
    private static PlatformProperty OfWidths(string name) =>
        new(
            name,
            ["none", "39", "48", "39+48", "57", "39+57", "48+57", "39+48+57"],
            p => (p.SupportedWidths & 1) == 0 ? p.SupportedWidths >> 1 : -1,
            (p, index) => p with { SupportedWidths = index << 1 });
}
