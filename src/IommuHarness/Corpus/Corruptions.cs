using System.Collections.Immutable;
using IommuHarness.Generate;
using IommuSpec;
using IommuSpec.Rules;

namespace IommuHarness.Corpus;

/// <summary>
/// Flips each bit of each entry on the way of sampled addresses, one at a time: both walks must end alike, and leave the same
/// accessed and dirty bits behind.
/// </summary>
internal sealed class Corruptions(Capture capture, SpecSide spec, ImplSide impl, Findings findings)
{
    // One seed for all captures: a run is decided by the commit.
    private const ulong Seed = 0x10_77;

    /// <summary>Tries the bits on the way of <paramref name="addressCount"/> addresses.</summary>
    /// <returns>Corruptions tried.</returns>
    public long Run(ImmutableArray<CaptureDevice> devices, Func<CaptureDevice, WalkStart> startOf, int addressCount)
    {
        var choices = new Choices(Seed);
        ImmutableArray<CaptureDevice> paged = [.. devices.Where(d => capture.SpaceOf(d) is { Mappings.Length: > 0 })];
        ImmutableArray<CaptureDevice> among = paged.Length > 0 ? paged : [.. devices.Where(d => d.Attach == "passthrough")];
        if (among.Length == 0)
            return 0;
        long count = 0;
        for (int i = 0; i < addressCount; i++)
        {
            CaptureDevice device = among[i < among.Length ? i : choices.Below(among.Length)];
            WalkStart start = startOf(device);
            impl.Program(start);
            count += Address(device, start, Sample(capture.SpaceOf(device), choices));
        }
        return count;
    }

    private static ulong Sample(CaptureSpace? space, Choices choices)
    {
        if (space is null)
            return choices.Next() >> 20;
        CaptureMapping run = space.Mappings[choices.Below(space.Mappings.Length)];
        return run.Iova + (choices.Next() % run.Length);
    }

    private long Address(CaptureDevice device, WalkStart start, ulong iova)
    {
        long count = 0;
        foreach (WalkStep step in spec.Steps(spec.Context(start), iova, AccessKind.Read))
            for (int bit = 0; bit < 64; bit++)
            {
                Flip(device, start, iova, step, bit);
                count++;
            }
        return count;
    }

    private void Flip(CaptureDevice device, WalkStart start, ulong iova, WalkStep step, int bit)
    {
        ulong before = spec.ReadWord(step.EntryAddress);
        ulong flipped = before ^ (1UL << bit);
        spec.WriteWord(step.EntryAddress, flipped);
        impl.WriteWord(step.EntryAddress, flipped);
        ContextResult context = spec.Context(start);
        for (AccessKind kind = AccessKind.Read; kind <= AccessKind.Write; kind++)
        {
            impl.Flush();
            Answer specified = spec.At(context, iova, kind);
            Outcome implemented = impl.At(start, iova, kind);
            string wrong = specified.Outcome != implemented ? $"specification {specified.Outcome}, implementation {implemented}" : SideEffects(context, iova, kind, specified);
            if (wrong.Length > 0)
                findings.Add(device.Name, iova, kind, $"bit {bit} of the word at 0x{step.EntryAddress:x} flipped (0x{before:x})", wrong);
        }
        spec.WriteWord(step.EntryAddress, before);
        impl.WriteWord(step.EntryAddress, before);
    }

    // Compares what the walk left in every entry on its way, then takes it back.
    private string SideEffects(ContextResult context, ulong iova, AccessKind kind, Answer specified)
    {
        string wrong = "";
        foreach (ulong address in spec.Steps(context, iova, kind).Select(s => s.EntryAddress).Distinct())
        {
            ulong before = spec.ReadWord(address);
            ulong expected = specified.Sets.Where(s => s.Physical == address).Aggregate(before, (word, set) => word | set.Mask);
            ulong left = impl.ReadWord(address);
            if (left != expected)
                wrong = $"specification leaves 0x{expected:x} at 0x{address:x}, implementation 0x{left:x}";
            if (left != before)
                impl.WriteWord(address, before);
        }
        return wrong;
    }
}
