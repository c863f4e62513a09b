using System.Collections.Immutable;
using IommuSpec;

namespace IommuHarness.Targets.Qemu;

/// <summary>One piece of an access: which four bytes of its granule are tried.</summary>
/// <param name="Op">The number of the operation in its scenario.</param>
/// <param name="Iova">Its first byte.</param>
/// <param name="Length">In bytes, inside one granule.</param>
/// <param name="Offset">A multiple of 4 below the granule's size; -1 where none was left.</param>
internal readonly record struct Probe(int Op, ulong Iova, int Length, int Offset)
{
    /// <summary>The address that the device is told.</summary>
    public ulong Address => (Iova & ~(Platform.Granule - 1)) | (uint)Offset;
}

/// <summary>
/// How to see where the accesses of some operations land. All places that any word of the scenario names are filled with marks before
/// the first operation, and read after the last. That works in one go because every access tries four bytes of its granule that nobody
/// else looks at: no other access, no word that software stores or loads, and no entry that any walk could come to. What a granule does
/// with one of its words it does with all.
/// </summary>
internal sealed class ProbePlan
{
    private const int WordsPerGranule = (int)Platform.Granule / 8;
    private const ulong AddressField = 0x000f_ffff_ffff_f000;
    private const ulong LargePage = 1 << 7;

    /// <summary>Operations with more pieces than this are split over several plans.</summary>
    private const int MostProbes = 64;

    private readonly List<Probe> probes = [];
    private readonly Dictionary<ulong, int> placeOf = [];
    private readonly List<ulong> places = [];
    private List<ulong>? everywhere;

    private ProbePlan(int end) => End = end;

    /// <summary>The first operation that belongs to the next plan.</summary>
    public int End { get; }

    /// <summary>In the order of the operations, and in each upwards.</summary>
    public IReadOnlyList<Probe> Probes => probes;

    /// <summary>Physical addresses of granules where an access may land.</summary>
    public IReadOnlyList<ulong> Places => places;

    /// <summary>The plan for as many operations from <paramref name="first"/> on as fit.</summary>
    /// <param name="scenario">All operations: what memory holds follows from those before, too.</param>
    /// <param name="first">The first operation of this plan.</param>
    /// <param name="memoryLength">Bytes of guest memory.</param>
    public static ProbePlan Make(Scenario scenario, int first, ulong memoryLength)
    {
        int end = first;
        int count = 0;
        for (; end < scenario.Ops.Length && count < MostProbes; end++)
            count += scenario.Ops[end] is Op.Access access ? Pieces(access).Count() : 0;
        ProbePlan plan = new(end);
        bool[] taken = Taken(scenario, first, end);
        for (int i = first; i < end; i++)
        {
            if (scenario.Ops[i] is not Op.Access access)
                continue;
            foreach ((ulong iova, int length) in Pieces(access))
                plan.probes.Add(new(i, iova, length, Take(taken, (int)(iova & (Platform.Granule - 4)))));
        }

        plan.FindPlaces(scenario, memoryLength);
        return plan;
    }

    /// <summary>The parts of an access that lie in one granule each; none of one that is refused.</summary>
    private static IEnumerable<(ulong Iova, int Length)> Pieces(Op.Access access)
    {
        if (access.Length is 0 or > Platform.LongestAccess || AddressRange.Wraps(access.Iova, access.Length))
            yield break;
        ulong last = access.Iova + (access.Length - 1);
        for (ulong at = access.Iova; ;)
        {
            ulong end = Math.Min(at | (Platform.Granule - 1), last);
            yield return (at, (int)(end - at) + 1);
            if (end == last)
                yield break;
            at = end + 1;
        }
    }

    // ---- words that accesses must keep away from

    private static bool[] Taken(Scenario scenario, int first, int end)
    {
        bool[] taken = new bool[WordsPerGranule];
        foreach (Op op in scenario.Ops)
        {
            if (op is Op.Poke or Op.Peek)
                taken[Word(op is Op.Poke poke ? poke.Physical : ((Op.Peek)op).Physical)] = true;
        }

        for (int i = first; i < end; i++)
        {
            if (scenario.Ops[i] is not Op.Access access)
                continue;
            TakeContext(taken, Platform.RequesterId(access.Device));
            foreach ((ulong iova, _) in Pieces(access))
                TakeEntries(taken, iova);
        }

        return taken;
    }

    private static int Word(ulong physical) => (int)(physical / 8 % WordsPerGranule);

    /// <summary>Where a bus and a device and function have their entries of 16 bytes.</summary>
    private static void TakeContext(bool[] taken, ushort requester)
    {
        foreach (int entry in (ReadOnlySpan<int>)[requester >> 8, requester & 0xff])
            taken[entry * 2] = taken[entry * 2 + 1] = true;
    }

    /// <summary>The entries of an address in tables of every level.</summary>
    private static void TakeEntries(bool[] taken, ulong iova)
    {
        for (int shift = 12; shift < 64; shift += 9)
            taken[(int)(iova >> shift) & 0x1ff] = true;
    }

    /// <summary>Four bytes of a granule that are nobody's yet, the ones wished for if they are; -1 where all are taken.</summary>
    private static int Take(bool[] taken, int wish)
    {
        int word = taken[wish / 8] ? Array.IndexOf(taken, false) : wish / 8;
        if (word < 0)
            return -1;
        taken[word] = true;
        return word == wish / 8 ? wish : word * 8;
    }

    // ---- places

    private void FindPlaces(Scenario scenario, ulong memoryLength)
    {
        if (probes.Count == 0)
            return;
        int most = PcProbes.PlaceCount / probes.Count;
        foreach (Probe probe in probes)
            AddPlace(probe.Iova, memoryLength, most);
        foreach (Op op in scenario.Ops)
        {
            if (op is Op.Poke poke)
                AddPlace(poke.Value & AddressField, memoryLength, most);
        }

        foreach (Op op in scenario.Ops)
        {
            if (op is not Op.Poke { Value: var entry } || (entry & LargePage) == 0)
                continue;
            foreach (ulong size in (ReadOnlySpan<ulong>)[1UL << 21, 1UL << 30])
            {
                foreach (Probe probe in probes)
                    AddPlace((entry & AddressField & ~(size - 1)) | (probe.Iova & (size - 1)), memoryLength, most);
            }
        }
    }

    private void AddPlace(ulong physical, ulong memoryLength, int most)
    {
        ulong granule = physical & ~(Platform.Granule - 1);
        if (granule < memoryLength && places.Count < most && placeOf.TryAdd(granule, places.Count))
            places.Add(granule);
    }

    // ---- marks

    /// <summary>Fills all places.</summary>
    public void Mark(GuestMemory memory)
    {
        for (int probe = 0; probe < probes.Count; probe++)
        {
            if (probes[probe].Offset < 0)
                continue;
            for (int place = 0; place < places.Count; place++)
                memory[places[place] + (uint)probes[probe].Offset] = PcProbes.Mark(Number(probe, place));
        }
    }

    /// <summary>Puts back what the marks replaced: nothing.</summary>
    public void Wipe(GuestMemory memory)
    {
        foreach (Probe probe in probes)
        {
            if (probe.Offset < 0)
                continue;
            foreach (ulong place in places)
                memory[place + (uint)probe.Offset] = 0;
        }
    }

    private int Number(int probe, int place) => 1 + probe * places.Count + place;

    /// <summary>Where a read landed whose reader saw a mark; null where it saw none of this probe's.</summary>
    public ulong? ReadFrom(int probe, ulong seen)
    {
        long place = (long)seen - Number(probe, 0);
        return place >= 0 && place < places.Count ? Landing(probe, places[(int)place]) : null;
    }

    /// <summary>Where a write landed; null where nothing changed.</summary>
    public ulong? WrittenTo(int probe, GuestMemory memory)
    {
        uint offset = (uint)probes[probe].Offset;
        foreach (ulong place in places)
        {
            if (memory[place + offset] == PcProbes.Written)
                return Landing(probe, place);
        }

        foreach (ulong page in everywhere ??= [.. memory.Pages()])
        {
            if (memory[page + offset] != PcProbes.Written)
                continue;
            memory[page + offset] = 0;
            return Landing(probe, page);
        }

        return null;
    }

    private ulong Landing(int probe, ulong granule) => granule | (probes[probe].Iova & (Platform.Granule - 1));
}
