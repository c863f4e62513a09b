using System.Collections.Immutable;
using IommuSpec;

namespace IommuHarness.Targets;

/// <summary>What a target answered, and what killed it.</summary>
/// <param name="Answers">Operation by operation; fewer where it died.</param>
/// <param name="Crash">What it died of, where it did and could say.</param>
public readonly record struct TargetRun(ImmutableArray<Observation> Answers, Exception? Crash)
{
    /// <summary>Runs a scenario. A target that throws instead of answering counts as one that crashed at once.</summary>
    public static TargetRun Run(ITarget target, Scenario scenario) => Guarded(
        () =>
        {
            ImmutableArray<Observation> answers = target.Run(scenario);
            return new TargetRun(answers, target.LastCrash);
        },
        scenario,
        mayThrow: target is SpecTarget);

    /// <summary>Waits for a scenario that was begun; the same counts as a crash.</summary>
    public static TargetRun Of(Task<TargetRun> run, Scenario scenario) => Guarded(() => run.GetAwaiter().GetResult(), scenario, mayThrow: false);

    private static TargetRun Guarded(Func<TargetRun> run, Scenario scenario, bool mayThrow)
    {
#pragma warning disable CA1031 // Whatever a target throws is an observation, not an error of ours.
        try
        {
            return run();
        }
        catch (Exception e) when (!mayThrow)
        {
            return new TargetRun(scenario.Ops.IsEmpty ? [] : [Observation.Crashed.Instance], e);
        }
#pragma warning restore CA1031
    }
}
