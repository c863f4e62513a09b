using System.Collections.Immutable;
using System.Runtime.InteropServices;
using IommuSpec;
using Impl = IommuImpl;

namespace IommuHarness.Targets;

/// <summary>
/// The optimised implementation. One <see cref="Impl.Iommu"/> serves every scenario through its reset, so that a run costs
/// little more than its operations. Not for several threads at once.
/// </summary>
public sealed class ImplTarget : ITarget, IDisposable
{
    /// <summary>The longest access, where it starts inside a granule, touches one granule more than it fills.</summary>
    private const int LongestPieceCount = (int)(Platform.LongestAccess / Platform.Granule) + 1;

    private readonly Impl.Piece[] pieces = new Impl.Piece[LongestPieceCount];
    private readonly Impl.FaultRecord[] faultRecords = new Impl.FaultRecord[256];
    private Platform platform = new();
    private Impl.IommuOptions options = ImplNames.Options(new Platform());
    private Impl.Iommu? iommu;

    public string Name => "impl";

    public Exception? LastCrash { get; private set; }

    /// <summary>The implementation as the last run left it, for whoever asks it what no operation does; null before the first run and after a crash.</summary>
    public Impl.Iommu? Left => iommu;

    /// <summary>Legacy contexts lead to second-stage tables only; memory is wherever the physical width reaches.</summary>
    public bool Supports(Platform platform) =>
        platform is { MemoryBits: 64, OutcomeReasons: true, WindowReadsBlocked: false, WindowStopsPages: false }
        && (platform.Contexts != ContextMode.VtdLegacy || platform.Format == TableFormat.VtdSecondStage);

    public ImmutableArray<Observation> Run(Scenario scenario)
    {
        LastCrash = null;
        Observation[] answers = new Observation[scenario.Ops.Length];
        int answered = 0;
#pragma warning disable CA1031 // Whatever an implementation under test throws is an observation, not an error of ours.
        try
        {
            Impl.Iommu fresh = Start(scenario.Platform);
            for (; answered < answers.Length; answered++)
                answers[answered] = Answer(fresh, scenario.Ops[answered]);
        }
        catch (Exception e)
        {
            LastCrash = e;
            Dispose();
            if (answered < answers.Length)
                answers[answered++] = Observation.Crashed.Instance;
        }
#pragma warning restore CA1031

        return answered == answers.Length ? ImmutableCollectionsMarshal.AsImmutableArray(answers) : [.. answers.AsSpan(0, answered)];
    }

    public void Dispose()
    {
        iommu?.Dispose();
        iommu = null;
    }

    private Impl.Iommu Start(Platform wanted)
    {
        if (!ReferenceEquals(platform, wanted) && platform != wanted)
            options = ImplNames.Options(wanted);
        platform = wanted;
        if (iommu is null)
            return iommu = new Impl.Iommu(options);
        iommu.Reset(options);
        return iommu;
    }

    private Observation Answer(Impl.Iommu iommu, Op op) => op switch
    {
        Op.Access o => Access(iommu, o),
        Op.Poke o => Poke(iommu, o),
        Op.Map o => Plain(iommu.Map(o.Domain, o.Iova, o.Length, o.Physical, ImplNames.Rights(o.Rights))),
        Op.Unmap o => Unmapped(iommu.Unmap(o.Domain, o.Iova, o.Length, out ulong unmapped), unmapped),
        Op.Invalidate o => Plain(iommu.Invalidate(o.Domain, o.Iova, o.Length)),
        Op.Lookup o => Found(iommu.Lookup(o.Domain, o.Iova, out ulong physical), physical),
        Op.Attach o => Plain(iommu.Attach(Id(o.Device), o.Domain)),
        Op.AttachIdentity o => Plain(iommu.AttachIdentity(Id(o.Device))),
        Op.Detach o => Plain(iommu.Detach(Id(o.Device))),
        Op.UnmapAll o => Unmapped(iommu.UnmapAll(o.Domain, out ulong unmapped), unmapped),
        Op.InvalidateDomain o => Plain(iommu.InvalidateDomain(o.Domain)),
        Op.InvalidateAll => Plain(iommu.InvalidateAll()),
        Op.FreeDomain o => Plain(iommu.FreeDomain(o.Domain)),
        _ => AnswerHardware(iommu, op),
    };

    private Observation AnswerHardware(Impl.Iommu iommu, Op op) => op switch
    {
        Op.Peek o => Peek(iommu, o),
        Op.Program o => Plain(iommu.ProgramDevice(Id(o.Device), o.Root, o.DomainId)),
        Op.Unprogram o => Plain(iommu.UnprogramDevice(Id(o.Device))),
        Op.SetRootTable o => Plain(iommu.SetRootTable(o.Physical)),
        Op.SetTranslation o => Plain(iommu.SetTranslation(o.On)),
        Op.FlushContexts o => Plain(iommu.InvalidateContexts((byte)o.Granularity, o.DomainId, Id(o.Device), ImplNames.Operand(o.FunctionMask))),
        Op.FlushIotlb o => Plain(iommu.InvalidateIotlb((byte)o.Granularity, o.DomainId, o.Address, ImplNames.Operand(o.SizeLg2Pages), o.LeafOnly)),
        Op.DrainFaults => DrainFaults(iommu),
        Op.FailNext o => FailNext(iommu, o),
        Op.Audit => Audit(iommu),
        _ => Observation.Unsupported.Instance,
    };

    private static ushort Id(int device) => Platform.RequesterId(device);

    private static Observation Plain(Impl.Status status) =>
        status == Impl.Status.Done ? Observation.Done.Instance : ImplNames.Refused(status);

    private static Observation Found(Impl.Status status, ulong physical) =>
        status == Impl.Status.Done ? new Observation.Found(physical) : ImplNames.Refused(status);

    private static Observation Unmapped(Impl.Status status, ulong unmapped) =>
        status == Impl.Status.Done ? new Observation.Unmapped(unmapped)
        : unmapped > 0 ? new Observation.Unmapped(unmapped, ImplNames.Why(status))
        : ImplNames.Refused(status);

    private Observation Access(Impl.Iommu iommu, Op.Access access)
    {
        Impl.Status status = iommu.Access(Id(access.Device), access.Iova, access.Length, ImplNames.Kind(access.Kind), pieces, out int count);
        if (status != Impl.Status.Done)
            return ImplNames.Refused(status);
        Piece[] moved = new Piece[count];
        for (int i = 0; i < count; i++)
        {
            ref readonly Impl.Piece piece = ref pieces[i];
            moved[i] = new Piece(piece.Iova, piece.Length, ImplNames.Outcome(piece.Result));
        }

        return new Observation.Moved(ImmutableCollectionsMarshal.AsImmutableArray(moved));
    }

    private Observation.Faults DrainFaults(Impl.Iommu iommu)
    {
        int count = iommu.DrainFaults(faultRecords, out bool overflow);
        FaultRecord[] records = new FaultRecord[count];
        for (int i = 0; i < count; i++)
            records[i] = new FaultRecord(faultRecords[i].Low, faultRecords[i].High);
        return new Observation.Faults(ImmutableCollectionsMarshal.AsImmutableArray(records), overflow);
    }

    // The implementation's memory takes aligned words only and belongs to it in software mode; what is refused is the adapter's part.
    private Observation Poke(Impl.Iommu iommu, Op.Poke poke)
    {
        if (RefuseWord(poke.Physical) is { } refused)
            return refused;
        iommu.Memory.WriteWord(poke.Physical, poke.Value);
        return Observation.Done.Instance;
    }

    private Observation Peek(Impl.Iommu iommu, Op.Peek peek) =>
        RefuseWord(peek.Physical) ?? (Observation)new Observation.Word(iommu.Memory.ReadWord(peek.Physical));

    private Observation.Refused? RefuseWord(ulong physical) =>
        platform.Contexts == ContextMode.Software ? ImplNames.Refused(Impl.Status.NotHere)
        : physical % 8 != 0 ? ImplNames.Refused(Impl.Status.Misaligned)
        : physical >> platform.PhysicalBits != 0 ? ImplNames.Refused(Impl.Status.TooWide)
        : null;

    // Domains, and so what they hold, exist in software mode only.
    private Observation Audit(Impl.Iommu iommu) => platform.Contexts == ContextMode.Software
        ? new Observation.Holding(iommu.MappedBytes, iommu.AttachedCount, iommu.TablesInUse)
        : ImplNames.Refused(Impl.Status.NotHere);

    private static Observation.Done FailNext(Impl.Iommu iommu, Op.FailNext op)
    {
        iommu.FailNextAllocation(Math.Max(op.Index, 0));
        return Observation.Done.Instance;
    }
}
