using System.Collections.Immutable;
using IommuHarness.Trace;
using IommuSpec;
using IommuSpec.Rules;

namespace IommuHarness.Corpus;

/// <summary>Two opinions, or a third, that differ about one access.</summary>
/// <param name="Capture">The capture's name.</param>
/// <param name="Device">The device's name.</param>
/// <param name="Iova">The byte.</param>
/// <param name="Kind">Read or write.</param>
/// <param name="Change">What was changed in memory before; empty for the tables as captured.</param>
/// <param name="Opinions">Who says what, one line.</param>
public sealed record Disagreement(string Capture, string Device, ulong Iova, AccessKind Kind, string Change, string Opinions)
{
    public override string ToString() =>
        $"{Capture} {Device} {(Kind == AccessKind.Write ? "write" : "read")} 0x{Iova:x}{(Change.Length == 0 ? "" : $" with {Change}")}: {Opinions}";
}

/// <summary>What was checked in captures, and what did not agree.</summary>
/// <param name="CaptureCount">Captures.</param>
/// <param name="DeviceCount">Devices whose every address was tried.</param>
/// <param name="UncheckedDeviceCount">Devices whose entries no rule reads yet (scalable-mode pass-through).</param>
/// <param name="TableCount">Page tables read: each stored one was reached, and none was missing.</param>
/// <param name="AddressCount">Addresses tried; each for reading and for writing.</param>
/// <param name="CorruptionCount">Single-bit corruptions tried; each for reading and for writing.</param>
/// <param name="DisagreementCount">Accesses about which the sides differ, and tables unreached or missing.</param>
/// <param name="Disagreements">The first of them.</param>
public sealed record CaptureSummary(
    int CaptureCount, int DeviceCount, int UncheckedDeviceCount, int TableCount, long AddressCount, long CorruptionCount,
    int DisagreementCount, ImmutableArray<Disagreement> Disagreements)
{
    private const int ShownCount = 20;

    public static readonly CaptureSummary Empty = new(0, 0, 0, 0, 0, 0, 0, []);

    public static CaptureSummary operator +(CaptureSummary a, CaptureSummary b) => new(
        a.CaptureCount + b.CaptureCount,
        a.DeviceCount + b.DeviceCount,
        a.UncheckedDeviceCount + b.UncheckedDeviceCount,
        a.TableCount + b.TableCount,
        a.AddressCount + b.AddressCount,
        a.CorruptionCount + b.CorruptionCount,
        a.DisagreementCount + b.DisagreementCount,
        [.. a.Disagreements.Concat(b.Disagreements).Take(ShownCount)]);
}

/// <summary>Progress of <see cref="CaptureCheck.RunAll"/>.</summary>
public readonly record struct CaptureProgress(string Capture, int Index, int Count);

/// <summary>
/// Every address of every capture gets the same answer from the specification's walk, the implementation's walk and the
/// capture's list of mappings; and single-bit corruptions of its tables get the same answer from both walks.
/// </summary>
public static class CaptureCheck
{
    /// <summary>Single-bit corruptions of one address's path: 64 for every word on it.</summary>
    private const int CorruptedAddressesPerCapture = 12;

    /// <summary>Checks every capture of a directory, in ordinal order of names.</summary>
    /// <param name="directory">Where <c>*.json</c> are captures.</param>
    /// <param name="progress">Told of each capture before it is checked.</param>
    /// <param name="cancellation">Ends the check between two captures; what was done so far is returned.</param>
    /// <exception cref="InputException">A file is no capture, or there is none.</exception>
    public static CaptureSummary RunAll(string directory, Action<CaptureProgress>? progress = null, CancellationToken cancellation = default)
    {
        string[] files = Directory.Exists(directory) ? [.. Directory.GetFiles(directory, "*.json").Order(StringComparer.Ordinal)] : [];
        if (files.Length == 0)
            throw new InputException(directory, 0, 0, "a directory of captures (*.json)", "none");
        CaptureSummary all = CaptureSummary.Empty;
        for (int i = 0; i < files.Length && !cancellation.IsCancellationRequested; i++)
        {
            progress?.Invoke(new CaptureProgress(Path.GetFileNameWithoutExtension(files[i]), i, files.Length));
            all += Run(CaptureFile.Load(files[i]));
        }
        return all;
    }

    /// <summary>Checks one capture.</summary>
    public static CaptureSummary Run(Capture capture)
    {
        var findings = new Findings(capture.Name);
        CaptureSummary summary = CaptureSummary.Empty with { CaptureCount = 1 };
        var reached = new SortedSet<ulong>();
        if (capture.IsScalable)
            foreach (CaptureSpace space in capture.Spaces)
                summary += CheckGroup(
                    capture, capture.SpacePlatform(space), [.. capture.Devices.Where(d => d.Space == space.Id)],
                    d => new WalkStart(d.Requester, space.Root, d.DomainId), findings, reached);
        else
            summary += CheckGroup(capture, capture.LegacyPlatform, capture.Devices, d => new WalkStart(d.Requester, null, 0), findings, reached);
        CheckReached(capture, reached, findings);
        return summary with
        {
            UncheckedDeviceCount = capture.Devices.Length - summary.DeviceCount,
            TableCount = reached.Count,
            DisagreementCount = findings.Count,
            Disagreements = findings.Shown,
        };
    }

    private static CaptureSummary CheckGroup(
        Capture capture, Platform platform, ImmutableArray<CaptureDevice> devices, Func<CaptureDevice, WalkStart> startOf,
        Findings findings, SortedSet<ulong> reached)
    {
        var spec = new SpecSide(platform, capture.Memory, capture.RootTable);
        using var cold = new ImplSide(platform, capture.Memory, capture.RootTable, caches: false);
        using var warm = new ImplSide(platform, capture.Memory, capture.RootTable, caches: true);
        CaptureSummary summary = CaptureSummary.Empty;
        var corruptions = new Corruptions(capture, spec, cold, findings);
        foreach (CaptureDevice device in devices.Where(d => d.Attach is "paging" or "passthrough"))
        {
            WalkStart start = startOf(device);
            cold.Program(start);
            warm.Program(start);
            CaptureSpace? space = capture.SpaceOf(device);
            ContextResult context = spec.Context(start);
            CheckContext(device, space, context, findings);
            if (space is not null && context.Fault is null)
                CheckTables(device, space, context, spec, findings, reached);
            summary += CaptureSummary.Empty with
            {
                DeviceCount = 1,
                AddressCount = CheckAddresses(capture, device, space, start, context, spec, [cold, warm], findings),
            };
        }
        CheckUnchanged(capture, cold, warm, findings);
        summary += CaptureSummary.Empty with
        {
            CorruptionCount = corruptions.Run(devices, startOf, capture.IsScalable ? 2 : CorruptedAddressesPerCapture),
        };
        return summary;
    }

    private static void CheckContext(CaptureDevice device, CaptureSpace? space, ContextResult context, Findings findings)
    {
        bool agrees = context.Fault is null && context.PassThrough == space is null
            && (space is null || (context.Root == space.Root && context.LevelCount == space.LevelCount && context.DomainId == device.DomainId));
        if (!agrees)
            findings.Add(device.Name, 0, AccessKind.Read, "", $"the context entry reads as {context}, the capture says {space?.Id ?? device.Attach}");
    }

    private static void CheckTables(
        CaptureDevice device, CaptureSpace space, ContextResult context, SpecSide spec, Findings findings, SortedSet<ulong> reached)
    {
        Platform platform = spec.Platform with { LevelCount = context.LevelCount };
        TableContents contents = TableContents.Read(platform, context.LevelCount, context.Root, spec.ReadWord);
        reached.UnionWith(contents.Tables);
        var expected = space.Mappings.OrderBy(m => m.Iova).ToImmutableArray();
        for (int i = 0; i < Math.Max(expected.Length, contents.Leaves.Length); i++)
        {
            CaptureMapping? truth = i < expected.Length ? expected[i] : null;
            CaptureMapping? read = i < contents.Leaves.Length ? contents.Leaves[i] : null;
            if (truth == read)
                continue;
            findings.Add(device.Name, (truth ?? read)!.Iova, AccessKind.Read, "", $"the tables map {read?.ToString() ?? "nothing"}, the capture says {truth?.ToString() ?? "nothing"}");
            return;
        }
    }

    private static long CheckAddresses(
        Capture capture, CaptureDevice device, CaptureSpace? space, WalkStart start, ContextResult context,
        SpecSide spec, ReadOnlySpan<ImplSide> impls, Findings findings)
    {
        var truth = new GroundTruth(capture, space);
        IEnumerable<ulong> around = CaptureAddresses.Around(space, Math.Min(capture.PhysicalBits, capture.Registers.Capability.IovaBits));
        long count = 0;
        foreach (ulong iova in space is null ? around : CaptureAddresses.Mapped(space).Concat(around))
        {
            count++;
            for (AccessKind kind = AccessKind.Read; kind <= AccessKind.Write; kind++)
            {
                Outcome expected = truth.At(iova, kind);
                Outcome specified = spec.At(context, iova, kind).Outcome;
                foreach (ImplSide impl in impls)
                {
                    Outcome implemented = impl.At(start, iova, kind);
                    if (specified != expected || implemented != expected)
                        findings.Add(device.Name, iova, kind, "", $"capture {expected}, specification {specified}, implementation {implemented}");
                }
            }
        }
        return count;
    }

    private static void CheckReached(Capture capture, SortedSet<ulong> reached, Findings findings)
    {
        foreach (ulong missing in reached.Where(t => !capture.Memory.Holds(t)))
            findings.Add("", 0, AccessKind.Read, "", $"the table at 0x{missing:x} is not in the capture");
        foreach (ulong unused in capture.Memory.TableAddresses.Where(t => !reached.Contains(t)))
            findings.Add("", 0, AccessKind.Read, "", $"no walk reaches the table at 0x{unused:x}");
    }

    // Linux sets the accessed and dirty bits itself: nothing is left for hardware to set.
    private static void CheckUnchanged(Capture capture, ImplSide cold, ImplSide warm, Findings findings)
    {
        foreach ((ulong physical, ulong value) in capture.Memory.Words())
            if (cold.ReadWord(physical) != value || warm.ReadWord(physical) != value)
                findings.Add("", 0, AccessKind.Read, "", $"the implementation changed the word at 0x{physical:x}");
    }
}

/// <summary>Collects disagreements; keeps the first few.</summary>
internal sealed class Findings(string capture)
{
    private const int KeptCount = 20;

    private readonly List<Disagreement> _kept = [];

    public int Count { get; private set; }

    public ImmutableArray<Disagreement> Shown => [.. _kept];

    public void Add(string device, ulong iova, AccessKind kind, string change, string opinions)
    {
        Count++;
        if (_kept.Count < KeptCount)
            _kept.Add(new Disagreement(capture, device, iova, kind, change, opinions));
    }
}
