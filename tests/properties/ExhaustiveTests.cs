using System.Collections.Immutable;
using System.Reflection;
using IommuHarness.Check;
using IommuHarness.Generate;
using IommuHarness.Targets;
using IommuSpec;
using IommuVerify.Tests.Properties.Support;
using Xunit;

namespace IommuVerify.Tests.Properties;

/// <summary>Every scenario of up to three operations of the tiny universe.</summary>
public class ExhaustiveTests
{
    [Theory]
    [InlineData("kernel-ss4", 2 * (32 + 32 * 32 + 32 * 32 * 32), 258)]
    [InlineData("raw-fs4", 2 * (29 + 29 * 29 + 29 * 29 * 29), 1043)]
    public void The_implementation_conforms_in_every_scenario_of_three_operations(string name, long scenarioCount, int stateCount)
    {
        using ImplTarget target = new();
        ExhaustivePlatform platform = Run(target, name, 3);
        Assert.Null(platform.Finding);
        Assert.Equal((scenarioCount, stateCount), (platform.ScenarioCount, platform.StateCount));
    }

    [Fact]
    public void The_implementation_conforms_in_every_scenario_of_two_operations_on_every_platform()
    {
        using ImplTarget target = new();
        ExhaustiveResult result = new ExhaustiveChecker(target).Run(new(Platforms.All, 2));
        Assert.Empty(result.Findings());
        Assert.Equal(Platforms.All.Length, result.Platforms.Length);
    }

    [Theory]
    [InlineData("kernel-split")]
    [InlineData("vtd-legacy")]
    public void The_specification_conforms_whatever_it_picks(string name)
    {
        foreach (SpecTarget target in (SpecTarget[])[SpecTarget.First, SpecTarget.Last, SpecTarget.Random(1)])
            Assert.Null(Run(target, name, 2).Finding);
    }

    /// <summary>Every scenario once: as many different ones as there are numbers of so many digits, each from both scenes.</summary>
    [Fact]
    public void Every_scenario_runs_exactly_once()
    {
        Recorder target = new();
        Run(target, "kernel-ss4", 2);
        Assert.Equal(2 * (32 + 32 * 32), target.Seen.Count);
        Assert.Equal(target.Seen.Count, target.Seen.Select(IommuHarness.Trace.TraceText.Write).Distinct().Count());
    }

    [Fact]
    public void The_first_divergence_is_a_shortest_one()
    {
        Finding finding = Assert.IsType<Finding>(Run(new ForgetsToInvalidate(), "kernel-ss4", 4).Finding);
        Assert.Equal(RuleId.Inv2, finding.Verdict.Rule);
        Op[] beyondTheScene = [.. finding.Original.Ops.Skip(3)];
        Assert.Equal(["Unmap", "Invalidate", "Access"], beyondTheScene.Select(op => op.GetType().Name));
    }

    [Fact]
    public void A_target_that_does_not_answer_alike_twice_is_judged_by_what_it_answers()
    {
        Finding finding = Assert.IsType<Finding>(Run(new Moody(), "kernel-ss4", 2).Finding);
        Assert.IsType<Observation.Crashed>(finding.Verdict.Seen);
    }

    [Fact]
    public void A_run_can_be_stopped()
    {
        using CancellationTokenSource source = new();
        using ImplTarget target = new();
        ExhaustiveResult result = new ExhaustiveChecker(target).Run(new(Platforms.All, 9), _ => source.Cancel(), source.Token);
        Assert.True(result.Cancelled);
        Assert.Single(result.Platforms);
    }

    [SpecProperty]
    public void States_that_came_about_alike_are_equal_and_equal_states_allow_the_same(AnyPlay play)
    {
        int count = play.Scenario.Ops.Length - play.Rest.Length;
        State state = Replay(play, count);
        State again = Replay(play, count);
        Assert.True(StateValues.Instance.Equals(state, again));
        Assert.Equal(StateValues.Instance.GetHashCode(state), StateValues.Instance.GetHashCode(again));
        foreach (State next in play.Rest.Take(8).Select(op => Play.After(state, op)))
        {
            bool allowsTheSame = play.Probes().Take(24).All(probe => Play.AllowsNoMore(state, next, probe) && Play.AllowsNoMore(next, state, probe));
            Assert.True(allowsTheSame || !StateValues.Instance.Equals(state, next));
        }
    }

    /// <summary>A state that learns to remember something new must be compared by it.</summary>
    [Fact]
    public void Nothing_of_a_state_is_left_out_of_the_comparison()
    {
        Assert.Equal(["Attachments", "Context", "Domains", "FailureArmed", "Faults", "Format", "Hardware", "Platform"], Names<State>());
        Assert.Equal(["Lingering", "Mapped"], Names<Domain>());
        Assert.Equal(["ContextFlushes", "IotlbFlushes", "Memory", "Now", "Programs", "RootTable", "Translating", "UsedRoots"], Names<Hardware>());
        Assert.Equal(["Maybe", "Past", "Value"], Names<Word>());
        Assert.Equal(["Dropped", "Events"], Names<FaultLog>());

        static IEnumerable<string> Names<T>() =>
            typeof(T).GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(property => property.Name).Order(StringComparer.Ordinal);
    }

    private static ExhaustivePlatform Run(ITarget target, string platform, int length) =>
        Assert.Single(new ExhaustiveChecker(target).Run(new([Platforms.Find(platform)!], length)).Platforms);

    private static State Replay(Play play, int count)
    {
        State state = Spec.Start(play.Named.Platform);
        foreach (Op op in play.Scenario.Ops[..count])
            state = Play.After(state, op);
        return state;
    }

    private sealed class Recorder : ITarget
    {
        public List<Scenario> Seen { get; } = [];

        public string Name => "recorder";

        public bool Supports(Platform platform) => true;

        public ImmutableArray<Observation> Run(Scenario scenario)
        {
            Seen.Add(scenario);
            return SpecTarget.First.Run(scenario);
        }
    }

    /// <summary>Answers as slowly forgetting as the specification allows, had no invalidation of a range been made.</summary>
    private sealed class ForgetsToInvalidate : ITarget
    {
        public string Name => "forgets to invalidate";

        public bool Supports(Platform platform) => true;

        public ImmutableArray<Observation> Run(Scenario scenario)
        {
            ImmutableArray<Observation>.Builder answers = ImmutableArray.CreateBuilder<Observation>();
            State state = Spec.Start(scenario.Platform);
            foreach (Op op in scenario.Ops)
            {
                if (op is Op.Invalidate)
                {
                    answers.Add(Observation.Done.Instance);
                    continue;
                }

                Way way = Spec.Step(state, op).Ways().Last();
                answers.Add(way.Seen);
                state = way.Next;
            }

            return answers.ToImmutable();
        }
    }

    /// <summary>Crashes in its hundredth run alone, and in the operation that it got right so often.</summary>
    private sealed class Moody : ITarget
    {
        private int runCount;

        public string Name => "moody";

        public bool Supports(Platform platform) => true;

        public ImmutableArray<Observation> Run(Scenario scenario) =>
            ++runCount == 100 ? [Observation.Crashed.Instance] : SpecTarget.First.Run(scenario);
    }
}
