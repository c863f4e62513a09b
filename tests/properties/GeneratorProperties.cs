using System.Collections.Immutable;
using IommuHarness.Coverage;
using IommuHarness.Generate;
using IommuHarness.Targets;
using IommuHarness.Trace;
using IommuSpec;
using IommuVerify.Tests.Properties.Support;
using Xunit;

namespace IommuVerify.Tests.Properties;

/// <summary>What the generator promises: one case for one seed and index, everything of the language, and operations that get somewhere.</summary>
public class GeneratorProperties
{
    private const ulong Seed = 1;

    public static TheoryData<string> PlatformNames => [.. Platforms.All.Select(row => row.Name)];

    [SpecProperty]
    public void A_seed_and_an_index_decide_the_case(ulong seed, ulong index, byte row)
    {
        Platform platform = Platforms.All[row % Platforms.All.Length].Platform;
        Assert.Equal(Generator.Case(seed, (long)index, platform), Generator.Case(seed, (long)index, platform));
    }

    [SpecProperty]
    public void What_was_generated_before_does_not_matter(ulong seed, byte row, byte before)
    {
        Platform platform = Platforms.All[row % Platforms.All.Length].Platform;
        Scenario fresh = Generator.Scenario(platform, Profiles.All[0], new Choices(seed));
        Generator.Case(seed + 1, 0, Platforms.All[before % Platforms.All.Length].Platform);
        Assert.Equal(fresh, Generator.Scenario(platform, Profiles.All[0], new Choices(seed)));
    }

    [SpecProperty]
    public void Every_case_survives_its_byte_and_its_text_form(ulong seed, byte row, byte profile)
    {
        Platform platform = Platforms.All[row % Platforms.All.Length].Platform;
        Scenario scenario = Generator.Case(seed, 0, platform, Profiles.All[profile % Profiles.All.Length]);
        Assert.Equal(scenario, ByteCodec.Decode(ByteCodec.Encode(scenario)));
        Assert.Equal(scenario, TraceText.Read(TraceText.Write(scenario), "case").Scenario);
    }

    [SpecProperty]
    public void A_choice_below_a_bound_is_below_it(ulong seed, byte bound)
    {
        Choices choices = new(seed);
        Assert.InRange(choices.Below(bound + 1), 0, bound);
        Assert.InRange(choices.Between(-bound, bound), -bound, bound);
        Assert.True(choices.Bits(bound % 65) <= Bits.Mask(bound % 65));
        int[] weights = [0, bound, 0, 1];
        Assert.NotEqual(0, weights[choices.Weighted(weights)]);
    }

    [Fact]
    public void Names_of_platforms_and_profiles_are_unique_and_are_found()
    {
        Assert.Equal(Platforms.All.Length, Platforms.All.Select(row => row.Name).Distinct().Count());
        Assert.Equal(Platforms.All.Length, Platforms.All.Select(row => row.Platform).Distinct().Count());
        Assert.All(Platforms.All, row => Assert.Same(row, Platforms.Find(row.Name)));
        Assert.All(Profiles.All, profile => Assert.Same(profile, Profiles.Find(profile.Name)));
        Assert.All(Profiles.All, profile => Assert.Equal(Enum.GetValues<Phrase>().Length, profile.Weights.Length));
        Assert.Null(Platforms.Find("none"));
        Assert.Null(Profiles.Find("none"));
    }

    [Theory]
    [MemberData(nameof(PlatformNames))]
    public void Every_kind_of_operation_comes_on_every_platform(string name)
    {
        HashSet<string> kinds = [];
        foreach (Op op in Cases(name, 1500).SelectMany(scenario => scenario.Ops))
            kinds.Add(KindOf(op));
        Assert.Equal(OpKinds.Names.Length + 4, kinds.Count); // two flushes come in three granularities each

        static string KindOf(Op op) => op switch
        {
            Op.FlushContexts flush => $"contexts {flush.Granularity}",
            Op.FlushIotlb flush => $"iotlb {flush.Granularity}",
            _ => OpKinds.Names[OpKinds.Index(op)],
        };
    }

    [Theory]
    [MemberData(nameof(PlatformNames))]
    public void A_word_holds_few_values_between_commands_that_end_all_caching(string name)
    {
        foreach (Scenario scenario in Cases(name, 500).Where(scenario => scenario.Platform.Contexts != ContextMode.Software))
        {
            Dictionary<ulong, int> stores = [];
            bool contextsEnded = scenario.Platform.Contexts == ContextMode.Direct;
            foreach (Op op in scenario.Ops)
            {
                if (op is Op.Poke poke)
                {
                    stores[poke.Physical] = stores.GetValueOrDefault(poke.Physical) + 1;
                    Assert.InRange(stores[poke.Physical], 1, 4);
                    contextsEnded = scenario.Platform.Contexts == ContextMode.Direct;
                }
                else if (op is Op.FlushContexts { Granularity: FlushGranularity.Global })
                {
                    contextsEnded = true;
                }
                else if (op is Op.FlushIotlb { Granularity: FlushGranularity.Global } && contextsEnded)
                {
                    stores.Clear();
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(PlatformNames))]
    public void Cases_stay_short_but_for_long_runs(string name)
    {
        foreach (Scenario scenario in Cases(name, 500, Profiles.All[0]))
            Assert.InRange(scenario.Ops.Length, 1, 100);
        Assert.Contains(Cases(name, 20, Profiles.Find("long")), scenario => scenario.Ops.Length > 200);
    }

    [Theory]
    [MemberData(nameof(PlatformNames))]
    public void Operations_get_somewhere(string name)
    {
        Platform platform = Platforms.Find(name)!.Platform;
        bool hardware = platform.Contexts != ContextMode.Software;
        long accesses = 0;
        long landed = 0;
        long free = 0;
        long maps = 0;
        long mapped = 0;
        foreach (Scenario scenario in Cases(name, 300))
        {
            foreach ((Op op, Allowed allowed, Observation seen) in Played(scenario))
            {
                accesses += op is Op.Access ? 1 : 0;
                landed += seen is Observation.Moved moved && moved.Pieces.All(piece => piece.Outcome.Kind == OutcomeKind.Landed) ? 1 : 0;
                free += op is Op.Access && allowed.Ways().Skip(1).Any() ? 1 : 0;
                maps += op is Op.Map ? 1 : 0;
                mapped += op is Op.Map && seen is Observation.Done ? 1 : 0;
            }
        }

        Assert.InRange(landed * 100 / accesses, hardware ? 30 : 40, 90);
        Assert.InRange(free * 100 / accesses, 5, 90);
        if (!hardware)
            Assert.InRange(mapped * 100 / maps, 55, 95);
    }

    private static IEnumerable<Scenario> Cases(string name, int count, Profile? profile = null)
    {
        Platform platform = Platforms.Find(name)!.Platform;
        return Enumerable.Range(0, count).Select(index => Generator.Case(Seed, index, platform, profile));
    }

    /// <summary>A scenario played by the specification, tables in memory before what lingers.</summary>
    private static IEnumerable<(Op Op, Allowed Allowed, Observation Seen)> Played(Scenario scenario)
    {
        State state = Spec.Start(scenario.Platform);
        foreach (Op op in scenario.Ops)
        {
            Allowed allowed = Spec.Step(state, op);
            Way way = allowed.Ways().First();
            yield return (op, allowed, way.Seen);
            state = way.Next;
        }
    }
}
