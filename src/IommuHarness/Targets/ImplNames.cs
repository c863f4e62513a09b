using System.Collections.Immutable;
using IommuSpec;
using Impl = IommuImpl;

namespace IommuHarness.Targets;

/// <summary>
/// The implementation's names for the specification's things, one by one: that two enumerations happen to have the same
/// numbers today is not relied on.
/// </summary>
public static class ImplNames
{
    private static readonly ImmutableArray<Observation.Refused> Refusals = [.. Enum.GetValues<Refusal>().Select(why => new Observation.Refused(why))];

    public static Impl.IommuOptions Options(Platform platform) => new()
    {
        Format = platform.Format switch
        {
            TableFormat.VtdSecondStage => Impl.TableFormat.VtdSecondStage,
            TableFormat.X86FirstStage => Impl.TableFormat.X86FirstStage,
            _ => throw Unknown(platform.Format),
        },
        Contexts = platform.Contexts switch
        {
            ContextMode.Software => Impl.ContextMode.Software,
            ContextMode.Direct => Impl.ContextMode.Direct,
            ContextMode.VtdLegacy => Impl.ContextMode.VtdLegacy,
            _ => throw Unknown(platform.Contexts),
        },
        Contract = platform.Contract switch
        {
            Contract.Kernel => Impl.Contract.Kernel,
            Contract.Vfio => Impl.Contract.Vfio,
            Contract.Iommufd => Impl.Contract.Iommufd,
            _ => throw Unknown(platform.Contract),
        },
        Unmap = platform.Unmap switch
        {
            UnmapPolicy.Leaf => Impl.UnmapPolicy.Leaf,
            UnmapPolicy.Split => Impl.UnmapPolicy.Split,
            UnmapPolicy.WholeMapping => Impl.UnmapPolicy.WholeMapping,
            UnmapPolicy.Area => Impl.UnmapPolicy.Area,
            _ => throw Unknown(platform.Unmap),
        },
        Levels = platform.LevelCount,
        Pages2M = platform.Pages2M,
        Pages1G = platform.Pages1G,
        PhysicalBits = platform.PhysicalBits,
        IovaBits = platform.IovaBits,
        CachingMode = platform.CachingMode,
        WidenWriteOnly = platform.WidenWriteOnly,
        PromoteSuperpages = platform.PromoteSuperpages,
        SnoopControl = platform.SnoopControl,
        DeviceTlb = platform.DeviceTlb,
        PassThrough = platform.PassThrough,
        SupportedWidths = platform.SupportedWidths,
        FaultRecordCount = platform.FaultRecordCount,
        FaultCompression = platform.FaultCompression,
        NoExecute = platform.NoExecute,
        InterruptWindowReserved = platform.InterruptWindowReserved,
    };

    /// <summary>The refusal that a status other than done is; the same object each time.</summary>
    public static Observation.Refused Refused(Impl.Status status) => Refusals[(int)Why(status)];

    public static Refusal Why(Impl.Status status) => status switch
    {
        Impl.Status.Empty => Refusal.Empty,
        Impl.Status.Wraps => Refusal.Wraps,
        Impl.Status.Misaligned => Refusal.Misaligned,
        Impl.Status.NoRights => Refusal.NoRights,
        Impl.Status.TooWide => Refusal.TooWide,
        Impl.Status.OutOfRange => Refusal.OutOfRange,
        Impl.Status.Reserved => Refusal.Reserved,
        Impl.Status.Occupied => Refusal.Occupied,
        Impl.Status.NotMapped => Refusal.NotMapped,
        Impl.Status.Partial => Refusal.Partial,
        Impl.Status.NoMemory => Refusal.NoMemory,
        Impl.Status.Busy => Refusal.Busy,
        Impl.Status.NotHere => Refusal.NotHere,
        Impl.Status.TooLong => Refusal.TooLong,
        _ => throw Unknown(status),
    };

    public static Impl.AccessKind Kind(AccessKind kind) => kind switch
    {
        AccessKind.Read => Impl.AccessKind.Read,
        AccessKind.Write => Impl.AccessKind.Write,
        _ => throw Unknown(kind),
    };

    public static Impl.Rights Rights(Rights rights) =>
        One(rights, IommuSpec.Rights.Read, Impl.Rights.Read) | One(rights, IommuSpec.Rights.Write, Impl.Rights.Write)
        | One(rights, IommuSpec.Rights.Cache, Impl.Rights.Cache) | One(rights, IommuSpec.Rights.NoExec, Impl.Rights.NoExec)
        | One(rights, IommuSpec.Rights.Mmio, Impl.Rights.Mmio) | One(rights, IommuSpec.Rights.Priv, Impl.Rights.Priv);

    public static Outcome Outcome(in Impl.TranslateResult result) =>
        result.IsFault ? IommuSpec.Outcome.Faulted(result.Reason)
        : result.IsInterrupt ? IommuSpec.Outcome.Interrupt
        : IommuSpec.Outcome.Landed(result.Physical);

    /// <summary>An operand as wide as the command's; one that does not fit becomes the largest, which no command accepts.</summary>
    public static byte Operand(int value) => value is < 0 or > byte.MaxValue ? byte.MaxValue : (byte)value;

    private static Impl.Rights One(Rights rights, Rights right, Impl.Rights name) => (rights & right) != 0 ? name : Impl.Rights.None;

    private static InvalidOperationException Unknown<T>(T value)
        where T : struct, Enum => new($"no counterpart for {typeof(T).Name} {value}");
}
