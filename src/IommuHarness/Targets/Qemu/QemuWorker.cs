using System.Collections.Immutable;
using IommuSpec;

namespace IommuHarness.Targets.Qemu;

/// <summary>Plays scenarios one after the other on emulators of its own, of which it keeps one for each machine that it was asked for.</summary>
/// <param name="machines">Drivers of its own.</param>
internal sealed class QemuWorker(ImmutableArray<QemuMachine> machines) : IDisposable
{
    private readonly Emulator?[] running = new Emulator?[machines.Length];
    private readonly Lock one = new();

    public ImmutableArray<QemuMachine> Machines => machines;

    /// <summary>Scenarios whose emulator was lost and which went through when they were repeated.</summary>
    public int LostOnceCount { get; private set; }

    /// <summary>Process ids of the emulators that run now.</summary>
    public IEnumerable<int> ProcessIds => running.OfType<Emulator>().Select(emulator => emulator.Id);

    /// <summary>What a machine can do.</summary>
    /// <exception cref="TargetStartException">The emulator is not installed or does not start.</exception>
    public Platform Identify(int machine) => Start(machine);

    /// <summary>Plays a scenario. One whose emulator is lost is repeated; if it is lost again, the scenario is what killed it.</summary>
    /// <param name="machine">The number of the machine.</param>
    /// <param name="scenario">What is asked.</param>
    /// <exception cref="TargetStartException">An emulator that was lost does not start again.</exception>
    public TargetRun Run(int machine, Scenario scenario)
    {
        lock (one)
        {
            (ImmutableArray<Observation> answers, EmulatorLostException? lost) = Try(machine, scenario);
            if (lost is null)
                return new(answers, null);
            int where = answers.Length;
            (answers, lost) = Try(machine, scenario);
            if (lost is null)
            {
                LostOnceCount++;
                return new(answers, null);
            }

            EmulatorLostException crash = lost;
            if (answers.Length != where)
                (answers, lost) = Try(machine, scenario);
            return new(lost is null ? answers : answers.Add(lost.Silent ? Observation.Hung.Instance : Observation.Crashed.Instance), crash);
        }
    }

    private (ImmutableArray<Observation> Answers, EmulatorLostException? Lost) Try(int machine, Scenario scenario)
    {
        if (running[machine] is null)
            Start(machine);
        ScenarioRun run = new(machines[machine], running[machine]!, scenario);
        try
        {
            run.Play();
            return (run.Answers, null);
        }
        catch (EmulatorLostException e)
        {
            running[machine]?.Dispose();
            running[machine] = null;
            return (run.Answers, e);
        }
    }

    // Reading the registers tells the driver what it drives, and leaves both in the state that a scenario begins in.
    private Platform Start(int machine)
    {
        Emulator emulator = Emulator.Start(machines[machine]);
        running[machine] = emulator;
        return machines[machine].ReadPlatform(emulator.Exchange);
    }

    public void Dispose()
    {
        foreach (Emulator? emulator in running)
            emulator?.Dispose();
        running.AsSpan().Clear();
    }
}
