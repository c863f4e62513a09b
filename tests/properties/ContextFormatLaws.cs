using System.Collections.Immutable;
using IommuHarness.Targets;
using IommuSpec;
using Xunit;

namespace IommuVerify.Tests.Properties;

/// <summary>Walking ones over root and context entries, in the specification and in the implementation alike, against the manual's tables (VT-d 9.1, 9.3).</summary>
public sealed class ContextFormatLaws : IDisposable
{
    private const ulong RootTable = 0x1000;
    private const ulong ContextTable = 1UL << 31;
    private const ulong Tables = 1UL << 33;
    private const ulong Page = 5UL << 30;

    /// <summary>As wide as the narrowest physical address, so that it can pass through.</summary>
    private const ulong Iova = 0x5_2b3d_9123;

    /// <summary>Bus 0x80, device and function 8.</summary>
    private const int Device = 5;
    private const ulong RootEntry = RootTable + 0x80 * 16;
    private const ulong ContextEntry = ContextTable + 8 * 16;

    // DID 0x1234, AW 2: four levels
    private const ulong ContextHigh = 0x12_3402;

    /// <summary>Nothing of what a poke replaced is remembered.</summary>
    private static readonly Op FlushContexts = new Op.FlushContexts(FlushGranularity.Global, 0, 0, 0);

    private static readonly bool[] Bools = [true, false];
    private static readonly int[] PhysicalWidths = [36, 46, 52];
    private static readonly int[] Widths = [0b0100, 0b1100];

    private readonly ImplTarget implementation = new();

    private IEnumerable<ITarget> Both => [SpecTarget.First, implementation];

    public void Dispose() => implementation.Dispose();

    [Fact]
    public void Every_bit_of_a_root_entry_does_what_the_fact_sheet_says() => Assert.All(Platforms(), platform =>
    {
        WalkOnes(platform, RootEntry, bit => bit == 0 ? Faults(0x01) : bit < 12 || bit >= platform.PhysicalBits ? Faults(0x0a) : Faults(0x02));
        WalkOnes(platform, RootEntry + 8, _ => Faults(0x0a));
    });

    [Fact]
    public void Every_bit_of_a_context_entry_does_what_the_fact_sheet_says() => Assert.All(Platforms(), platform =>
    {
        WalkOnes(platform, ContextEntry, bit => bit switch
        {
            0 => Faults(0x02),
            1 => Lands(Page | (Iova & 0xfff)),
            2 => platform.DeviceTlb ? Lands(Page | (Iova & 0xfff)) : Faults(0x03),
            3 => platform.PassThrough ? Lands(Iova) : Faults(0x03),
            < 12 => Faults(0x0b),
            _ => bit < platform.PhysicalBits ? Absent : Faults(0x0b),
        });
        WalkOnes(platform, ContextEntry + 8, bit => bit switch
        {
            0 => (platform.SupportedWidths & 8) != 0 ? Absent : Faults(0x03),
            1 or 2 => Faults(0x03),
            7 or >= 24 => Faults(0x0b),
            _ => Lands(Page | (Iova & 0xfff)),
        });
    });

    /// <summary>FPD suppresses the qualified faults of section 12 and no others.</summary>
    [Fact]
    public void Bit_1_of_a_context_entry_keeps_faults_out_of_the_log() => Assert.All(Platforms(), platform =>
    {
        foreach (bool suppresses in Bools)
        {
            ImmutableArray<Op> ops =
            [
                .. Structures(),
                new Op.Poke(ContextEntry, Tables | 1 | (suppresses ? 2u : 0)),
                FlushContexts,
                new Op.Access(Device, AccessKind.Read, Iova + 0x1000, 1),
                new Op.DrainFaults(),
            ];
            foreach (ITarget target in Both)
            {
                Observation.Faults found = Assert.IsType<Observation.Faults>(target.Run(new(platform, ops))[^1]);
                Assert.Equal(suppresses ? 0 : 1, found.Records.Length);
            }
        }
    });

    private void WalkOnes(Platform platform, ulong word, Func<int, (Outcome Read, Outcome Write)> expected)
    {
        ImmutableArray<Op> structures = [.. Structures()];
        ulong value = structures.OfType<Op.Poke>().FirstOrDefault(poke => poke.Physical == word)?.Value ?? 0;
        for (int bit = 0; bit < 64; bit++)
        {
            ImmutableArray<Op> ops =
            [
                .. structures,
                new Op.Poke(word, value ^ (1UL << bit)),
                FlushContexts,
                new Op.Access(Device, AccessKind.Read, Iova, 1),
                new Op.Access(Device, AccessKind.Write, Iova, 1),
            ];
            foreach (ITarget target in Both)
            {
                ImmutableArray<Observation> seen = target.Run(new(platform, ops));
                (Outcome, Outcome) outcomes = (Only(seen[^2]), Only(seen[^1]));
                Assert.True(outcomes == expected(bit), $"{target.Name}: bit {bit} of the word at 0x{word:x}: {outcomes}, the sheet says {expected(bit)}");
            }
        }
    }

    private static IEnumerable<Op> Structures()
    {
        yield return new Op.Poke(RootEntry, ContextTable | 1);
        yield return new Op.Poke(ContextEntry, Tables | 1);
        yield return new Op.Poke(ContextEntry + 8, ContextHigh);
        ulong table = Tables;
        ulong next = 0x2000;
        for (int level = 4; level > 1; level--, table = next, next += 0x1000)
            yield return new Op.Poke(At(table, level), next | 3);
        yield return new Op.Poke(At(table, 1), Page | 3);
        yield return new Op.SetRootTable(RootTable);
        yield return new Op.SetTranslation(true);
    }

    private static IEnumerable<Platform> Platforms() =>
        from physicalBits in PhysicalWidths
        from has in Bools
        from widths in Widths
        select new Platform { Contexts = ContextMode.VtdLegacy, PhysicalBits = physicalBits, DeviceTlb = has, PassThrough = has, SupportedWidths = widths };

    private static (Outcome Read, Outcome Write) Absent => (Outcome.Faulted(0x06), Outcome.Faulted(0x05));

    private static (Outcome Read, Outcome Write) Faults(byte reason) => (Outcome.Faulted(reason), Outcome.Faulted(reason));

    private static (Outcome Read, Outcome Write) Lands(ulong physical) => (Outcome.Landed(physical), Outcome.Landed(physical));

    private static ulong At(ulong table, int level) => table + ((Iova >> (3 + 9 * level)) % 512 * 8);

    private static Outcome Only(Observation seen) => Assert.Single(Assert.IsType<Observation.Moved>(seen).Pieces).Outcome;
}
