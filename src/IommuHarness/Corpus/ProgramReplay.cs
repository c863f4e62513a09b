using System.Collections.Immutable;
using IommuHarness.Targets;
using IommuHarness.Trace;
using IommuImpl;
using IommuSpec;
using Contract = IommuSpec.Contract;
using Platform = IommuSpec.Platform;
using UnmapPolicy = IommuSpec.UnmapPolicy;

namespace IommuHarness.Corpus;

/// <summary>What came of running a VFIO program's calls.</summary>
/// <param name="CallCount">Its calls.</param>
/// <param name="Wrong">Calls that the specification or the implementation answers otherwise than VFIO did; and tables that differ from the capture's.</param>
public sealed record ProgramResult(int CallCount, ImmutableArray<string> Wrong);

/// <summary>
/// Runs what the VFIO program inside the guest asked, on the specification and on the implementation: the answers are VFIO's, and the tables at
/// the end map exactly what the kernel's tables in the same capture map. This log, unlike the recorded kernel calls, comes from the capture's own boot.
/// </summary>
public static class ProgramReplay
{
    private const int Domain = 0;
    private const int InvalidArgument = 22, Exists = 17, TooLarge = 75;

    // Where the log does not know the physical address: the memory is unmapped again later, or is the device's own registers.
    private const ulong SomePlace = 0x100_0000;

    /// <summary>Runs every container of a capture; none where no program ran.</summary>
    public static ProgramResult Run(Capture capture)
    {
        var wrong = ImmutableArray.CreateBuilder<string>();
        int count = 0;
        foreach (VfioContainer container in capture.Truth.Program)
        {
            CaptureDevice device = capture.Devices.First(d => d.Name == container.Devices[0]);
            CaptureSpace space = capture.SpaceOf(device) ?? throw new InputException(capture.FileName, 0, 0, $"tables of {device.Name}, which is in a container", "none");
            Platform platform = capture.SoftwarePlatform(space) with
            {
                Contract = Contract.Vfio, Unmap = UnmapPolicy.WholeMapping, InterruptWindowReserved = true,
            };
            count += container.Calls.Length;
            Run(container, platform, space, wrong);
        }
        return new ProgramResult(count, wrong.ToImmutable());
    }

    private static void Run(VfioContainer container, Platform platform, CaptureSpace space, ImmutableArray<string>.Builder wrong)
    {
        using var iommu = new Iommu(ImplNames.Options(platform));
        State state = Spec.Start(platform);
        foreach (VfioCall call in container.Calls)
        {
            ulong unmapped = 0;
            foreach (Op op in Ops(call, space))
            {
                Allowed allowed = Spec.Step(state, op);
                Way? way = Answers(call, op).Select(allowed.Match).FirstOrDefault(w => w is not null);
                if (way is null)
                    wrong.Add($"{call.What} {OpText.Write(op)}: VFIO answered error {call.Error}, the specification allows {string.Join(" or ", allowed.Describe())}");
                state = (way ?? allowed.Ways().First()).Next;
                Status status = Make(iommu, op, ref unmapped);
                if ((status == Status.Done) != (call.Error == 0))
                    wrong.Add($"{call.What} {OpText.Write(op)}: VFIO answered error {call.Error}, the implementation {status}");
            }
            if (!call.IsMap && unmapped != call.Returned)
                wrong.Add($"{call.What} unmap 0x{call.Iova:x}: VFIO removed 0x{call.Returned:x}, the implementation 0x{unmapped:x}");
        }
        Compare("the implementation's tables", CallsReplay.Tables(iommu, platform, Domain), space, wrong);
        Compare("the specification's mappings", CallsReplay.Asked(state, platform, Domain), space, wrong);
    }

    private static void Compare(string what, ImmutableArray<CaptureMapping> runs, CaptureSpace space, ImmutableArray<string>.Builder wrong)
    {
        var comparison = RunComparison.Of(runs, [.. space.Mappings.OrderBy(m => m.Iova)]);
        if (!comparison.IsEqual)
            wrong.Add($"{what} differ from {space.Id}: {comparison}");
    }

    // VFIO maps a call's memory run by run; one that it refuses is refused whole.
    private static IEnumerable<Op> Ops(VfioCall call, CaptureSpace space)
    {
        if (!call.IsMap)
        {
            yield return new Op.Unmap(Domain, call.Iova, call.Length);
            if (call.Returned > 0)
                yield return new Op.Invalidate(Domain, call.Iova, call.Length);
        }
        else if (call.Runs.IsEmpty)
            yield return new Op.Map(Domain, call.Iova, call.Length, Place(call, space), call.Rights);
        foreach (CaptureMapping run in call.Runs)
            yield return new Op.Map(Domain, run.Iova, run.Length, run.Physical, call.Rights);
    }

    private static ulong Place(VfioCall call, CaptureSpace space) =>
        space.Mappings.FirstOrDefault(m => m.Iova <= call.Iova && call.Iova - m.Iova < m.Length) is { } run
            ? run.Physical + (call.Iova - run.Iova)
            : SomePlace;

    // One error number stands for several reasons.
    private static IEnumerable<Observation> Answers(VfioCall call, Op op) => (call.Error, op) switch
    {
        (0, Op.Unmap) => [new Observation.Unmapped(call.Returned)],
        (0, _) => [Observation.Done.Instance],
        (InvalidArgument, _) => Refusals(Refusal.OutOfRange, Refusal.Reserved, Refusal.Misaligned, Refusal.NoRights, Refusal.Empty, Refusal.Partial),
        (Exists, _) => Refusals(Refusal.Occupied),
        (TooLarge, _) => Refusals(Refusal.Wraps),
        _ => [],
    };

    private static IEnumerable<Observation> Refusals(params Refusal[] reasons) => reasons.Select(why => new Observation.Refused(why));

    private static Status Make(Iommu iommu, Op op, ref ulong unmapped) => op switch
    {
        Op.Map map => iommu.Map(map.Domain, map.Iova, map.Length, map.Physical, ImplNames.Rights(map.Rights)),
        Op.Unmap unmap => iommu.Unmap(unmap.Domain, unmap.Iova, unmap.Length, out unmapped),
        Op.Invalidate ended => iommu.Invalidate(ended.Domain, ended.Iova, ended.Length),
        _ => throw new InvalidOperationException($"a program has no {op}"),
    };
}
