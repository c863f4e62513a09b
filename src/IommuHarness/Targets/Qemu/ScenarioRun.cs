using System.Collections.Immutable;
using IommuSpec;

namespace IommuHarness.Targets.Qemu;

/// <summary>One scenario on one emulator.</summary>
/// <param name="machine">Its driver.</param>
/// <param name="emulator">As the scenario before left it: like new.</param>
/// <param name="scenario">What is asked.</param>
internal sealed class ScenarioRun(QemuMachine machine, Emulator emulator, Scenario scenario)
{
    private readonly QtestBatch batch = emulator.Batch();
    private readonly List<(int Op, int FirstCommand, Reading Reading)> readings = [];
    private readonly HashSet<ulong> named = [];
    private readonly HashSet<ulong> used = [];
    private readonly ImmutableArray<Observation>.Builder answers = ImmutableArray.CreateBuilder<Observation>(scenario.Ops.Length);
    private ulong nextFree = FirstFree;

    /// <summary>Somewhere in the middle of memory, where scenarios seldom are.</summary>
    private const ulong FirstFree = 0x2a5a_5000;

    /// <summary>The answers, as far as the emulator gave them.</summary>
    public ImmutableArray<Observation> Answers => answers.ToImmutable();

    /// <summary>Asks everything, and leaves the emulator like new.</summary>
    /// <exception cref="EmulatorLostException">It died or is silent; what it answered before is there.</exception>
    public void Play()
    {
        Name();
        machine.Begin(batch, Free);
        for (int first = 0; first < scenario.Ops.Length;)
        {
            ProbePlan plan = ProbePlan.Make(scenario, first, (ulong)machine.MemoryLength);
            plan.Mark(emulator.Memory);
            used.UnionWith(plan.Places);
            AddOps(plan, first);
            if (plan.End == scenario.Ops.Length)
                machine.End(batch);
            Exchange();
            plan.Wipe(emulator.Memory);
            batch.Clear();
            readings.Clear();
            first = plan.End;
        }

        if (batch.Count > 0)
        {
            machine.End(batch);
            emulator.Exchange(batch);
        }

        emulator.Memory.Empty(used);
    }

    private void Exchange()
    {
        try
        {
            emulator.Exchange(batch);
        }
        catch (EmulatorLostException e)
        {
            // an operation is answered when the first command of the one after it was reached
            // (it may have died in the first commands of all, which belong to none)
            int whole = readings.FindLastIndex(reading => reading.FirstCommand <= e.Answered);
            answers.AddRange(readings.Take(Math.Max(whole, 0)).Select(reading => reading.Reading(emulator.Answers)));
            throw;
        }

        answers.AddRange(readings.Select(reading => reading.Reading(emulator.Answers)));
    }

    private void AddOps(ProbePlan plan, int first)
    {
        int probe = 0;
        foreach (int slot in scenario.Ops.OfType<Op.Access>().Where(access => access.Kind == AccessKind.Read).Select(access => access.Device).Where(PcProbes.Has).Distinct())
            PcProbes.Forget(batch, slot);
        for (int i = first; i < plan.End; i++)
        {
            int command = batch.Count;
            Reading? reading = scenario.Ops[i] switch
            {
                Op.Access access => Access(access, plan, i, ref probe),
                Op.Poke poke => Poke(poke),
                Op.Peek peek => Peek(peek),
                Op.FailNext => _ => Observation.Done.Instance,
                Op op => machine.Lower(batch, op) ?? (_ => new Observation.Refused(Refusal.NotHere)),
            };
            readings.Add((i, command, reading));
        }
    }

    // ---- memory as software sees it

    private Reading Poke(Op.Poke poke)
    {
        if (Misplaced(poke.Physical) is { } refused)
            return refused;
        if (!machine.MayStore(poke.Value))
            return _ => Observation.Unsupported.Instance;
        batch.Write64(poke.Physical, poke.Value);
        used.Add(poke.Physical & ~(Platform.Granule - 1));
        return _ => Observation.Done.Instance;
    }

    private Reading Peek(Op.Peek peek)
    {
        if (Misplaced(peek.Physical) is { } refused)
            return refused;
        int word = batch.Read64(peek.Physical);
        return process => new Observation.Word(process.Answer(word));
    }

    private Reading? Misplaced(ulong physical) =>
        physical % 8 != 0 ? _ => new Observation.Refused(Refusal.Misaligned)
        : physical >= (ulong)machine.MemoryLength ? _ => new Observation.Refused(Refusal.TooWide)
        : null;

    // ---- accesses

    private Reading Access(Op.Access access, ProbePlan plan, int op, ref int probe)
    {
        int from = probe;
        while (probe < plan.Probes.Count && plan.Probes[probe].Op == op)
            probe++;
        int count = probe - from;
        if (count == 0)
            return _ => new Observation.Refused(access.Length == 0 ? Refusal.Empty : access.Length > Platform.LongestAccess && !AddressRange.Wraps(access.Iova, access.Length) ? Refusal.TooLong : Refusal.Wraps);
        if (!PcProbes.Has(access.Device) || plan.Probes.Skip(from).Take(count).Any(piece => piece.Offset < 0))
            return _ => Observation.Unsupported.Instance;
        machine.BeforeAccess(batch);
        int[] commands = new int[count];
        for (int i = 0; i < count; i++)
        {
            if (access.Kind == AccessKind.Write)
                PcProbes.Write(batch, access.Device, plan.Probes[from + i].Address);
            else
                commands[i] = PcProbes.Read(batch, access.Device, plan.Probes[from + i].Address);
        }

        return process => new Observation.Moved([.. commands.Select((command, i) => Piece(access.Kind, plan, from + i, command, process))]);
    }

    private Piece Piece(AccessKind kind, ProbePlan plan, int number, int command, QtestProcess process)
    {
        Probe probe = plan.Probes[number];
        ulong? landed = kind == AccessKind.Write ? plan.WrittenTo(number, emulator.Memory) : plan.ReadFrom(number, process.Answer(command));
        Outcome outcome = landed is { } physical ? Outcome.Landed(physical)
            : kind == AccessKind.Write && probe.Iova is >= 0xfee0_0000 and <= 0xfeef_ffff ? Outcome.Interrupt
            : Outcome.Nowhere;
        return new(probe.Iova, probe.Length, outcome);
    }

    // ---- memory that the scenario has nothing to do with

    private void Name()
    {
        const ulong AddressField = 0x000f_ffff_ffff_f000;
        foreach (Op op in scenario.Ops)
        {
            switch (op)
            {
                case Op.Poke poke:
                    named.Add(poke.Physical & AddressField);
                    named.Add(poke.Value & AddressField);
                    break;
                case Op.Peek peek:
                    named.Add(peek.Physical & AddressField);
                    break;
                case Op.Program program:
                    named.Add(program.Root & AddressField);
                    break;
                case Op.Access access:
                    named.Add(access.Iova & AddressField);
                    break;
            }
        }
    }

    private ulong Free()
    {
        while (named.Contains(nextFree))
            nextFree += Platform.Granule;
        used.Add(nextFree);
        nextFree += Platform.Granule;
        return nextFree - Platform.Granule;
    }
}
