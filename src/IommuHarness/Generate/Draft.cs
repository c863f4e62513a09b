using System.Collections.Immutable;
using System.Runtime.InteropServices;
using IommuSpec;

namespace IommuHarness.Generate;

/// <summary>
/// A scenario in the making: the operations so far, the few devices, domains and addresses that it is about, and the swarm's
/// weights for this case. One is reused for every scenario of a thread.
/// </summary>
internal sealed class Draft
{
    private const int Capacity = 1024;

    /// <summary>A raw table costs an operation for each word, so scenarios on raw tables are longer, but never beyond this.</summary>
    private const int HardwareLongest = 64;

    /// <summary>Faults between two readings of the log while it is uncertain which of them are recorded.</summary>
    private const int MostUncertainFaults = 10;

    private static readonly int phraseCount = Enum.GetValues<Phrase>().Length;

    private readonly Op[] ops = new Op[Capacity];
    private readonly int[] weights = new int[phraseCount];
    private readonly int[] devices = new int[3];
    private readonly int[] domains = new int[3];
    private readonly ulong[] bases = new ulong[3];
    private readonly ulong[] past = new ulong[16];
    private int pastCount;
    private int limit;
    private bool recordingIsUncertain;
    private int uncertainFaults;
    private int baseCount;

    internal Platform Platform { get; private set; } = new();

    internal Profile Profile { get; private set; } = Profiles.All[0];

    internal Choices Choices { get; private set; } = new(0);

    internal Places Places { get; } = new();

    internal PokeBudget Budget { get; } = new();

    /// <summary>Operations so far.</summary>
    internal int Count { get; private set; }

    /// <summary>How many operations there should be.</summary>
    internal int Target { get; private set; }

    internal int DeviceCount { get; private set; }

    internal int DomainCount { get; private set; }

    internal bool IsHardware => Platform.Contexts != ContextMode.Software;

    /// <summary>Whether <paramref name="more"/> operations can still be added.</summary>
    internal bool HasRoom(int more) => Count + more <= limit;

    internal void Begin(Platform platform, Profile profile, Choices choices)
    {
        (Platform, Profile, Choices) = (platform, profile, choices);
        Count = pastCount = uncertainFaults = 0;
        recordingIsUncertain = false;
        Places.Use(platform);
        Budget.Begin(platform);
        Target = Length();
        limit = IsHardware && profile.LongestOps <= HardwareLongest ? HardwareLongest : Capacity;
        for (int i = 0; i < phraseCount; i++)
            weights[i] = choices.OneIn(5) ? 0 : profile.Weights[i] * choices.Between(1, 6);
        PickUniverse();
        baseCount = choices.Between(1, 3);
        for (int i = 0; i < baseCount; i++)
            bases[i] = Places.Base(choices, profile.EdgePercent);
    }

    /// <summary>Operations that set a scene do not count towards the length.</summary>
    internal void SceneIsSet() => Target = Math.Min(Target + Count, limit);

    internal Phrase NextPhrase() => (Phrase)Choices.Weighted(weights);

    internal Scenario End()
    {
        Op[] mine = ops.AsSpan(0, Count).ToArray();
        return new(Platform, ImmutableCollectionsMarshal.AsImmutableArray(mine));
    }

    /// <summary>Adds an operation; beyond the limits it is left out.</summary>
    internal void Add(Op op)
    {
        if (IsHardware && recordingIsUncertain)
            op = Bounded(op);
        if (Count < limit && (!IsHardware || Budget.Admit(op)))
            ops[Count++] = op;
        if (op is Op.Access && !Platform.OutcomeReasons && Choices.OneIn(3))
            AddDrain();
    }

    /// <summary>
    /// From now on a cached context may suppress the recording of a fault and the one in memory may not, so that every fault
    /// doubles the number of logs that would be right. Until all contexts are flushed few faults share a log.
    /// </summary>
    internal void RecordingIsUncertain() => recordingIsUncertain = true;

    private Op Bounded(Op op)
    {
        switch (op)
        {
            case Op.FlushContexts { Granularity: FlushGranularity.Global }:
                recordingIsUncertain = false;
                break;
            case Op.DrainFaults:
                uncertainFaults = 0;
                break;
            case Op.Access access:
                // an access this short has two pieces at most
                uncertainFaults += 2;
                if (uncertainFaults > MostUncertainFaults)
                    AddDrain();
                return access.Length > Platform.Granule ? access with { Length = Platform.Granule } : access;
        }

        return op;
    }

    /// <summary>Where only fault records say why an access was stopped, they are read often, and not always.</summary>
    private void AddDrain()
    {
        uncertainFaults = 2;
        if (Count < limit)
            ops[Count++] = Fixed.DrainFaults;
    }

    /// <summary>The slot number of the universe's device.</summary>
    internal int DeviceSlot(int index) => devices[index];

    /// <summary>The slot number of the universe's domain.</summary>
    internal int DomainSlot(int index) => domains[index];

    internal int AnyDevice() => Choices.Below(DeviceCount);

    internal int AnyDomain() => Choices.Below(DomainCount);

    /// <summary>A granule near one of this scenario's few places.</summary>
    internal ulong AnyBase()
    {
        ulong place = bases[Choices.Below(baseCount)];
        return Choices.OneIn(24) ? place ^ (1UL << Choices.Between(12, 63)) : place;
    }

    /// <summary>Remembers an address for <see cref="AnyAddress"/>.</summary>
    internal void Remember(ulong address) => past[pastCount++ & 15] = address;

    /// <summary>An address that the scenario has to do with: an earlier one, one bit or one granule beside it, or a boundary.</summary>
    internal ulong AnyAddress()
    {
        ulong earlier = pastCount == 0 ? AnyBase() : past[Choices.Below(Math.Min(pastCount, 16))];
        return unchecked(Choices.Below(8) switch
        {
            < 3 => earlier,
            3 => earlier ^ (1UL << Choices.Below(64)),
            4 => earlier + Platform.Granule,
            5 => earlier - Platform.Granule,
            6 => Places.Base(Choices, 100),
            _ => AnyBase() + Choices.Bits(14),
        });
    }

    /// <summary>A device's access, with the address remembered.</summary>
    internal void Access(int device, AccessKind kind, ulong iova, ulong length)
    {
        Remember(iova);
        Add(new Op.Access(devices[device], kind, iova, length));
    }

    /// <summary>A write or a read in the interrupt window, at one of its edges or across it.</summary>
    internal void AccessInterruptWindow(int device)
    {
        ulong edge = Choices.OneIn(2) ? Places.InterruptFirst : Places.InterruptEnd;
        ulong at = Choices.OneIn(2) ? edge - Choices.Bits(5) : Places.InterruptFirst + Choices.Bits(20);
        Access(device, Choices.OneIn(4) ? AccessKind.Read : AccessKind.Write, at, Choices.OneIn(4) ? Platform.Granule : 4);
    }

    internal AccessKind AnyKind() => Choices.OneIn(3) ? AccessKind.Write : AccessKind.Read;

    private int Length()
    {
        int span = Profile.LongestOps - Profile.ShortestOps;
        int some = Choices.Below(span + 1);
        // short ones find most bugs and cost least: the smaller of two draws, three times in four
        if (!Choices.OneIn(4))
            some = Math.Min(some, Choices.Below(span + 1));
        return Profile.ShortestOps + some;
    }

    /// <summary>
    /// One to three devices and domains. The first eight device slots have requester ids that collide when they are cut short;
    /// domain slots do so among themselves.
    /// </summary>
    private void PickUniverse()
    {
        DeviceCount = Choices.Between(1, 3);
        DomainCount = Choices.Between(1, 3);
        int device = Choices.OneIn(2) ? 0 : Choices.Below(8);
        int domain = Choices.OneIn(2) ? 0 : Choices.Below(4);
        int domainStep = Choices.OneIn(4) ? 1 << Choices.Between(4, 6) : 1;
        int deviceStep = Choices.OneIn(16) ? 32 : Choices.Between(1, 3);
        for (int i = 0; i < 3; i++)
        {
            devices[i] = deviceStep == 32 ? device + 32 * i : (device + i * deviceStep) & 7;
            domains[i] = domain + i * domainStep;
        }

        if (Choices.OneIn(16))
            domains[DomainCount - 1] = Platform.SlotCount - 1;
        if (Platform.Contexts == ContextMode.VtdLegacy && Choices.OneIn(2))
            PickSiblings();
        for (int i = 0; i < 3; i++)
            devices[i] %= Platform.DeviceCount;
    }

    /// <summary>Functions of one PCI device, which differ in what a context-cache command's function mask ignores.</summary>
    private void PickSiblings()
    {
        DeviceCount = Math.Max(DeviceCount, 2);
        ReadOnlySpan<int> functions = [0, 3, 4];
        int start = Choices.Below(3);
        int step = Choices.Between(1, 2);
        for (int i = 0; i < 3; i++)
            devices[i] = functions[(start + i * step) % 3];
    }
}
