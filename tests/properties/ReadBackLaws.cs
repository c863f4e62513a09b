using System.Collections.Immutable;
using IommuHarness.Generate;
using IommuHarness.Targets;
using IommuSpec;
using IommuVerify.Tests.Properties.Support;
using Xunit;

namespace IommuVerify.Tests.Properties;

/// <summary>What is written reads back: every field at zero, at its maximum and at an irregular value, in the specification and in the implementation alike.</summary>
public sealed class ReadBackLaws : IDisposable
{
    private const ulong Irregular = 0xa5c3_e1f0_9d3b_5797;

    private static readonly ulong[] Words = [0, ulong.MaxValue, Irregular];

    private readonly ImplTarget implementation = new();

    private IEnumerable<ITarget> Both => [SpecTarget.First, implementation];

    public void Dispose() => implementation.Dispose();

    [Fact]
    public void A_word_of_memory()
    {
        foreach (Platform platform in FormatLaws.Configurations())
        {
            ulong top = Bits.Mask(platform.PhysicalBits) & ~7UL;
            foreach (ulong physical in Words.Select(word => word & top))
            {
                ImmutableArray<Op> ops = [.. Words.SelectMany(word => new Op[] { new Op.Poke(physical, word), new Op.Peek(physical) })];
                foreach (ITarget target in Both)
                    Assert.Equal(Words, target.Run(new(platform, ops)).OfType<Observation.Word>().Select(word => word.Value));
            }
        }
    }

    /// <summary>The address of a page of each size, with its offset, and of the tables that lead there.</summary>
    [Fact]
    public void The_address_of_a_page_and_of_every_table()
    {
        foreach (Platform platform in FormatLaws.Configurations())
        {
            for (int level = 1; level <= (platform.Pages1G ? 3 : platform.Pages2M ? 2 : 1); level++)
            {
                ulong offset = Bits.Mask(3 + 9 * level);
                foreach ((ulong word, ulong iova) in Words.SelectMany(word => Words.Select(iova => (word, iova & Bits.Mask(11 + 9 * platform.LevelCount)))))
                {
                    ulong page = word & Bits.Mask(platform.PhysicalBits) & ~offset;
                    ImmutableArray<Op> ops =
                    [
                        .. Tables(platform, level, iova, page, lowest: (Irregular & Bits.Mask(platform.PhysicalBits - 1)) >> 16 << 16),
                        new Op.Access(0, AccessKind.Read, iova, 1),
                    ];
                    foreach (ITarget target in Both)
                        Assert.Equal(Outcome.Landed(page | (iova & offset)), Only(target.Run(new(platform, ops))[^1]));
                }
            }
        }
    }

    /// <summary>Both addresses and the rights of a mapping, by look-up and by a device's accesses.</summary>
    [Fact]
    public void A_mapping()
    {
        foreach (Platform platform in Platforms.All.Select(row => row.Platform).Where(platform => platform.Contexts == ContextMode.Software))
        {
            int inputBits = platform.Format == TableFormat.X86FirstStage ? 11 + 9 * platform.LevelCount : Math.Min(12 + 9 * platform.LevelCount, platform.IovaBits);
            foreach ((ulong iova, ulong physical) in Words.SelectMany(iova => Words.Select(physical => (iova, physical))))
            {
                ulong at = iova & Bits.Mask(inputBits) & ~0xfffUL;
                ulong to = physical & Bits.Mask(platform.PhysicalBits) & ~0xfffUL;
                foreach (Rights rights in (Rights[])[Rights.Read, Rights.Write, Rights.Read | Rights.Write, (Rights)63])
                    MappingReadsBack(platform, at, to, rights);
            }
        }
    }

    private void MappingReadsBack(Platform platform, ulong iova, ulong physical, Rights rights)
    {
        ImmutableArray<Op> ops =
        [
            new Op.Attach(0, 0),
            new Op.Map(0, iova, 0x1000, physical, rights),
            new Op.Lookup(0, iova + 0xabc),
            new Op.Access(0, AccessKind.Read, iova + 0xabc, 1),
            new Op.Access(0, AccessKind.Write, iova + 0xabc, 1),
        ];
        bool first = platform.Format == TableFormat.X86FirstStage;
        bool readable = rights.HasFlag(Rights.Read) || first || platform.WidenWriteOnly;
        Outcome lands = Outcome.Landed(physical + 0xabc);
        foreach (ITarget target in Both)
        {
            ImmutableArray<Observation> seen = target.Run(new(platform, ops));
            Assert.Equal(Observation.Done.Instance, seen[1]);
            Assert.Equal(new Observation.Found(physical + 0xabc), seen[2]);
            Assert.Equal(readable ? lands : Outcome.Faulted(0x06), Only(seen[3]));
            Assert.Equal(rights.HasFlag(Rights.Write) ? lands : Outcome.Faulted((byte)(first ? 0x85 : 0x05)), Only(seen[4]));
        }
    }

    // VT-d fault recording register: FI 63:12 of the low word; SID 15:0, FR 39:32, T 62, F 63 of the high one.
    [Fact]
    public void A_fault_record()
    {
        Platform platform = new() { FaultRecordCount = 255 };
        IEnumerable<ulong> addresses = Words.Concat(Enumerable.Range(0, 64).Select(bit => 1UL << bit));
        Op.Access[] accesses = [.. addresses.SelectMany(iova => Enum.GetValues<AccessKind>().Select(kind => new Op.Access((int)(iova % 7), kind, iova, 1)))];
        FaultRecord[] expected =
        [
            .. accesses.Select(access => new FaultRecord(
                access.Iova & ~0xfffUL,
                Platform.RequesterId(access.Device) | 0x02UL << 32 | (access.Kind == AccessKind.Read ? 1UL << 62 : 0) | 1UL << 63)),
        ];
        foreach (ITarget target in Both)
        {
            Observation.Faults found = Assert.IsType<Observation.Faults>(target.Run(new(platform, [.. accesses, new Op.DrainFaults()]))[^1]);
            Assert.Equal(expected, found.Records);
        }
    }

    private static IEnumerable<Op> Tables(Platform platform, int leafLevel, ulong iova, ulong page, ulong lowest)
    {
        ulong table = lowest;
        yield return new Op.Program(0, table, 1);
        for (int level = platform.LevelCount; level > leafLevel; level--, table += 0x1000)
            yield return new Op.Poke(At(table, level, iova), (table + 0x1000) | FormatSheet.AllRights(platform));
        yield return new Op.Poke(At(table, leafLevel, iova), page | FormatSheet.AllRights(platform) | (leafLevel > 1 ? 0x80u : 0));
    }

    private static ulong At(ulong table, int level, ulong iova) => table + ((iova >> (3 + 9 * level)) % 512 * 8);

    private static Outcome Only(Observation seen) => Assert.Single(Assert.IsType<Observation.Moved>(seen).Pieces).Outcome;
}
