using System.Collections.Concurrent;
using System.Collections.Immutable;
using IommuHarness.Generate;
using IommuSpec;

namespace IommuHarness.Targets.Qemu;

/// <summary>
/// An emulated IOMMU: machines of one kind that differ in what their command lines give them, each a platform of its own that is read
/// from the machine's registers. Several workers, each with emulators of its own, play scenarios at the same time.
/// </summary>
public sealed class QemuTarget : IParallelTarget, IDisposable
{
    /// <summary>Scenarios under way for each worker: one at work and the next ones at hand, as long ones come between short ones.</summary>
    private const int WaysEach = 8;

    private readonly ImmutableArray<QemuWorker> workers;
    private readonly ImmutableArray<Thread> threads;
    private readonly BlockingCollection<Job> jobs = [];
    private readonly ImmutableArray<Platform> platforms;

    private sealed record Job(int Machine, Scenario Scenario, TaskCompletionSource<TargetRun> Done);

    private QemuTarget(string name, Func<ImmutableArray<QemuMachine>> machines)
    {
        Name = name;
        // as many as there are processors: what they are not busy with is this process' own work
        workers = [.. Enumerable.Range(0, Math.Clamp(Environment.ProcessorCount, 2, 8)).Select(_ => new QemuWorker(machines()))];
        Version = QemuVersion.Of(workers[0].Machines[0]);
        platforms = [.. workers[0].Machines.Select((_, machine) => workers[0].Identify(machine))];
        OwnPlatforms = [.. workers[0].Machines.Select((machine, i) => new NamedPlatform(machine.Name, platforms[i]))];
        threads = [.. workers.Select(worker => new Thread(() => Work(worker)) { IsBackground = true, Name = "emulator" })];
        foreach (Thread thread in threads)
            thread.Start();
    }

    public string Name { get; }

    public string? Version { get; }

    public ImmutableArray<NamedPlatform>? OwnPlatforms { get; }

    public Exception? LastCrash { get; private set; }

    public int Ways => workers.Length * WaysEach;

    /// <summary>Scenarios whose emulator was lost and which went through when they were repeated: killed from outside, most likely.</summary>
    public int LostOnceCount => workers.Sum(worker => worker.LostOnceCount);

    /// <summary>Process ids of the emulators that run now.</summary>
    public IEnumerable<int> ProcessIds => workers.SelectMany(worker => worker.ProcessIds);

    /// <summary>The machines that can be asked for, by the name after "qemu:".</summary>
    public static ImmutableArray<string> Kinds { get; } = [.. QemuMachines.Kinds.Keys];

    /// <summary>Starts the emulators of a kind, to read what they can do.</summary>
    /// <exception cref="TargetStartException">The emulator is not installed or does not start.</exception>
    public static QemuTarget Start(string kind) => new("qemu:" + kind, QemuMachines.Kinds[kind]);

    public bool Supports(Platform platform) => Find(platform) is not null;

    public ImmutableArray<Observation> Run(Scenario scenario)
    {
        (ImmutableArray<Observation> answers, LastCrash) = workers[0].Run(Machine(scenario), scenario);
        return answers;
    }

    public Task<TargetRun> Begin(Scenario scenario)
    {
        Job job = new(Machine(scenario), scenario, new(TaskCreationOptions.RunContinuationsAsynchronously));
        jobs.Add(job);
        return job.Done.Task;
    }

    private void Work(QemuWorker worker)
    {
        foreach (Job job in jobs.GetConsumingEnumerable())
        {
#pragma warning disable CA1031 // It is thrown again where the scenario is waited for.
            try
            {
                job.Done.SetResult(worker.Run(job.Machine, job.Scenario));
            }
            catch (Exception e)
            {
                job.Done.SetException(e);
            }
#pragma warning restore CA1031
        }
    }

    private int Machine(Scenario scenario) =>
        Find(scenario.Platform) ?? throw new InvalidOperationException("a platform that the target does not have");

    /// <summary>The machine of a platform. What is declared only because the manual leaves it open may be declared otherwise, to see the difference.</summary>
    private int? Find(Platform platform)
    {
        for (int i = 0; i < platforms.Length; i++)
        {
            if (ReferenceEquals(platforms[i], platform) || platforms[i] == platform || platforms[i] == Open(platform, platforms[i]))
                return i;
        }

        return null;
    }

    private static Platform Open(Platform platform, Platform like) => platform with
    {
        RemembersByRequester = like.RemembersByRequester,
        WindowReadsBlocked = like.WindowReadsBlocked,
        FaultingWalksSetBits = like.FaultingWalksSetBits,
        SnoopControl = like.SnoopControl,
        WindowStopsPages = like.WindowStopsPages,
        WindowReadsAsZero = like.WindowReadsAsZero,
        SilentCachedDenials = like.SilentCachedDenials,
        CachedWritesKeepClean = like.CachedWritesKeepClean,
    };

    public void Dispose()
    {
        jobs.CompleteAdding();
        foreach (Thread thread in threads)
            thread.Join();
        foreach (QemuWorker worker in workers)
            worker.Dispose();
        jobs.Dispose();
    }
}
