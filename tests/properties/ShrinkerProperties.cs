using IommuHarness.Check;
using IommuHarness.Generate;
using IommuHarness.Shrink;
using IommuHarness.Targets;
using IommuSpec;
using IommuVerify.Tests.Properties.Support;
using Xunit;

namespace IommuVerify.Tests.Properties;

/// <summary>Laws of the shrinker: smaller or the same, the same rule, the same every time, and nothing left to do afterwards.</summary>
public class ShrinkerProperties
{
    [SpecProperty(MaxTest = 100)]
    public void A_shrunk_scenario_is_smaller_or_the_same_and_breaks_the_same_rule(Scenario scenario, ulong word)
    {
        Func<Scenario, RuleId?> breaks = Landmark(word);
        Scenario small = Shrinker.Shrink(scenario, breaks, RuleId.Map1);
        Assert.Equal(breaks(scenario), breaks(small));
        Assert.True(small == scenario || ScenarioSize.Of(small) < ScenarioSize.Of(scenario));
        if (breaks(scenario) is null)
            Assert.Equal(scenario, small);
    }

    [SpecProperty(MaxTest = 50)]
    public void Shrinking_is_deterministic_and_shrinking_again_changes_nothing(Scenario scenario, ulong word)
    {
        Scenario small = Shrinker.Shrink(scenario, Landmark(word), RuleId.Map1);
        Assert.Equal(small, Shrinker.Shrink(scenario, Landmark(word), RuleId.Map1));
        Assert.Equal(small, Shrinker.Shrink(small, Landmark(word), RuleId.Map1));
    }

    [SpecProperty(MaxTest = 50)]
    public void The_number_of_runs_is_bounded(Scenario scenario, byte most)
    {
        int runs = 0;
        Shrinker.Shrink(scenario, _ => ++runs > 0 ? RuleId.Map1 : null, RuleId.Map1, most + 1);
        Assert.InRange(runs, 1, most + 1);
    }

    [SpecProperty(MaxTest = 50)]
    public void Whatever_breaks_the_rule_shrinks_to_nothing(Scenario scenario)
    {
        Scenario small = Shrinker.Shrink(scenario, _ => RuleId.Map1, RuleId.Map1);
        Assert.Equal(new Scenario(new Platform(), []), small);
    }

    [Fact]
    public void A_divergence_of_another_rule_does_not_count()
    {
        Scenario both = new(new(), [new Op.Audit(), new Op.DrainFaults()]);
        Scenario small = Shrinker.Shrink(
            both,
            scenario => scenario.Ops.Any(op => op is Op.DrainFaults) ? RuleId.Flt5 : scenario.Ops.Any(op => op is Op.Audit) ? RuleId.Map1 : null,
            RuleId.Flt5);
        Assert.Equal([new Op.DrainFaults()], small.Ops);
    }

    [Theory]
    [InlineData("kernel-ss4")]
    [InlineData("kernel-fs5")]
    [InlineData("vfio-type1v2")]
    public void A_forgotten_invalidation_shrinks_to_a_handful_of_operations(string platform) => Shrinks(platform, RuleId.Inv2, 6);

    [Theory]
    [InlineData("raw-ss3", 8)]
    [InlineData("raw-fs4", 9)]
    [InlineData("vtd-legacy", 13)]
    public void A_forgotten_command_shrinks_to_the_tables_that_it_needs(string platform, int mostOps) => Shrinks(platform, RuleId.Inv7, mostOps);

    private static void Shrinks(string platformName, RuleId rule, int mostOps)
    {
        Forgetful target = new();
        Platform platform = Platforms.Find(platformName)!.Platform;
        Scenario found = Enumerable.Range(0, 3000).Select(index => Generator.Case(1, index, platform)).First(scenario => Broken(target, scenario) == rule);
        Scenario small = Shrinker.Shrink(found, target, rule);
        Assert.Equal(rule, Broken(target, small));
        Assert.InRange(small.Ops.Length, 3, mostOps);
        Assert.Equal(small, Shrinker.Shrink(small, target, rule));
    }

    private static RuleId? Broken(Forgetful target, Scenario scenario) =>
        Judge.Check(new(scenario, target.Run(scenario))) is Verdict.Diverges diverges ? diverges.Rule : null;

    /// <summary>A made-up rule: an access above some address, by a device that was attached or programmed before, is wrong.</summary>
    private static Func<Scenario, RuleId?> Landmark(ulong word) => scenario =>
    {
        bool ready = false;
        foreach (Op op in scenario.Ops)
        {
            ready |= op is Op.Attach or Op.Program or Op.Map;
            if (ready && op is Op.Access access && access.Iova >= word / 3 && access.Length != 0)
                return RuleId.Map1;
        }

        return null;
    };

    /// <summary>Answers from the specification, always the last way, but its invalidations end nothing.</summary>
    private sealed class Forgetful : ITarget
    {
        public string Name => "forgetful";

        public bool Supports(Platform platform) => true;

        public System.Collections.Immutable.ImmutableArray<Observation> Run(Scenario scenario)
        {
            List<Observation> answers = [];
            State state = Spec.Start(scenario.Platform);
            foreach (Op op in scenario.Ops)
            {
                Way way = Spec.Step(state, op).Ways().Last();
                answers.Add(way.Seen);
                if (op is not (Op.Invalidate or Op.InvalidateDomain or Op.InvalidateAll or Op.FlushIotlb))
                    state = way.Next;
            }

            return [.. answers];
        }
    }
}
