using System.Collections.Immutable;
using System.Globalization;
using IommuHarness.Generate;
using IommuSpec;

namespace IommuHarness.Targets.Qemu;

/// <summary>
/// An emulated IOMMU: machines of one kind that differ in what their command lines give them, each a platform of its own that is read
/// from the machine's registers. One emulator at a time is kept for each machine that was asked for.
/// </summary>
public sealed class QemuTarget : ITarget, IDisposable
{
    private readonly ImmutableArray<QemuMachine> machines;
    private readonly Dictionary<QemuMachine, Emulator> running = [];
    private readonly List<(Platform Platform, QemuMachine Machine)> platforms = [];

    private QemuTarget(string name, ImmutableArray<QemuMachine> machines)
    {
        Name = name;
        this.machines = machines;
        Version = QemuVersion.Of(machines[0]);
        OwnPlatforms = [.. machines.Select(Identify)];
    }

    public string Name { get; }

    public string? Version { get; }

    public ImmutableArray<NamedPlatform>? OwnPlatforms { get; }

    public Exception? LastCrash { get; private set; }

    /// <summary>Scenarios whose emulator was lost and which went through when they were repeated: killed from outside, most likely.</summary>
    public int LostOnceCount { get; private set; }

    /// <summary>Process ids of the emulators that run now.</summary>
    public IEnumerable<int> ProcessIds => running.Values.Select(emulator => emulator.Id);

    /// <summary>The machines that can be asked for, by the name after "qemu:".</summary>
    public static ImmutableArray<string> Kinds { get; } = [.. QemuMachines.Kinds.Keys];

    /// <summary>Starts the emulators of a kind, to read what they can do.</summary>
    /// <exception cref="TargetStartException">The emulator is not installed or does not start.</exception>
    public static QemuTarget Start(string kind) => new("qemu:" + kind, QemuMachines.Kinds[kind]);

    public bool Supports(Platform platform) => Find(platform) is not null;

    public ImmutableArray<Observation> Run(Scenario scenario)
    {
        LastCrash = null;
        QemuMachine machine = Find(scenario.Platform) ?? throw new InvalidOperationException("a platform that the target does not have");
        (ImmutableArray<Observation> answers, EmulatorLostException? lost) = Try(machine, scenario);
        if (lost is null)
            return answers;
        int where = answers.Length;
        (answers, lost) = Try(machine, scenario);
        if (lost is null)
        {
            LostOnceCount++;
            return answers;
        }

        LastCrash = lost;
        if (answers.Length != where)
            (answers, lost) = Try(machine, scenario);
        return lost is null ? answers : answers.Add(lost.Silent ? Observation.Hung.Instance : Observation.Crashed.Instance);
    }

    private (ImmutableArray<Observation> Answers, EmulatorLostException? Lost) Try(QemuMachine machine, Scenario scenario)
    {
        ScenarioRun run = new(machine, Emulator(machine), scenario);
        try
        {
            run.Play();
            return (run.Answers, null);
        }
        catch (EmulatorLostException e)
        {
            running.Remove(machine, out Emulator? dead);
            dead?.Dispose();
            return (run.Answers, e);
        }
    }

    /// <summary>The machine of a platform. What is declared only because the manual leaves it open may be declared otherwise, to see the difference.</summary>
    private QemuMachine? Find(Platform platform)
    {
        foreach ((Platform known, QemuMachine machine) in platforms)
        {
            if (ReferenceEquals(known, platform) || known == platform || known == Open(platform, known))
                return machine;
        }

        return null;
    }

    private static Platform Open(Platform platform, Platform like) => platform with
    {
        RemembersByRequester = like.RemembersByRequester,
        WindowReadsBlocked = like.WindowReadsBlocked,
        FaultingWalksSetBits = like.FaultingWalksSetBits,
    };

    private Emulator Emulator(QemuMachine machine)
    {
        if (!running.TryGetValue(machine, out Emulator? emulator))
            running.Add(machine, emulator = Qemu.Emulator.Start(machine));
        return emulator;
    }

    private NamedPlatform Identify(QemuMachine machine)
    {
        Emulator emulator = Emulator(machine);
        Platform platform = machine.ReadPlatform(emulator.Exchange);
        platforms.Add((platform, machine));
        return new(machine.Name, platform);
    }

    public void Dispose()
    {
        foreach (Emulator emulator in running.Values)
            emulator.Dispose();
        running.Clear();
    }
}
