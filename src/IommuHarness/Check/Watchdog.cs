using System.Collections.Immutable;
using IommuHarness.Generate;
using IommuHarness.Targets;
using IommuSpec;

namespace IommuHarness.Check;

/// <summary>
/// A target in this process, watched by another thread: a thread that never comes back from it cannot be stopped, so all that is left
/// is to say so and to end the process. Costs a run two stores.
/// </summary>
public sealed class Watchdog : ITarget, IDisposable
{
    /// <summary>Looks in one deadline; a hang is noticed within one more look.</summary>
    private const int Looks = 8;

    private readonly ITarget inner;
    private readonly Action<Scenario> onHang;
    private readonly ManualResetEvent ended = new(false);
    private readonly Thread thread;
    private long runCount;
    private Scenario? atWork;

    /// <summary>Watches a target.</summary>
    /// <param name="inner">Which.</param>
    /// <param name="deadline">How long it may take for a scenario.</param>
    /// <param name="onHang">Called once, on another thread, with the scenario that the target does not come back from; it is to end the process.</param>
    public Watchdog(ITarget inner, TimeSpan deadline, Action<Scenario> onHang)
    {
        this.inner = inner;
        this.onHang = onHang;
        thread = new Thread(() => Watch(deadline / Looks)) { IsBackground = true, Name = "watchdog" };
        thread.Start();
    }

    public string Name => inner.Name;

    public string? Version => inner.Version;

    public ImmutableArray<NamedPlatform>? OwnPlatforms => inner.OwnPlatforms;

    public Exception? LastCrash => inner.LastCrash;

    /// <summary>Whether a target answers in this process and may keep it for ever. The specification does not; programs and emulators have deadlines of their own.</summary>
    public static bool IsFor(ITarget target) => target is ImplTarget or Mutants.MutantTarget or Targets.Lib.LibTarget;

    public bool Supports(Platform platform) => inner.Supports(platform);

    public ImmutableArray<Observation> Run(Scenario scenario)
    {
        Volatile.Write(ref runCount, runCount + 1);
        Volatile.Write(ref atWork, scenario);
        try
        {
            return inner.Run(scenario);
        }
        finally
        {
            Volatile.Write(ref atWork, null);
        }
    }

    /// <summary>Ends the watch, not the target.</summary>
    public void Dispose()
    {
        ended.Set();
        thread.Join();
        ended.Dispose();
    }

    private void Watch(TimeSpan look)
    {
        long last = -1;
        int same = 0;
        while (!ended.WaitOne(look))
        {
            long now = Volatile.Read(ref runCount);
            Scenario? scenario = Volatile.Read(ref atWork);
            same = scenario is not null && now == last ? same + 1 : 0;
            last = now;
            if (same < Looks)
                continue;
            onHang(scenario!);
            return;
        }
    }
}
