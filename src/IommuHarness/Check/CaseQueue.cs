using IommuHarness.Generate;
using IommuHarness.Targets;
using IommuSpec;

namespace IommuHarness.Check;

/// <summary>A generated case and what came of it.</summary>
internal readonly record struct CaseRun(long Index, Profile? Profile, Scenario Scenario, TargetRun Run);

/// <summary>
/// The cases of one platform in their order. Where the target works on several at once, some are under way while those before are judged;
/// which they are and what comes out does not depend on that. Those that nobody asks for any more are dropped.
/// </summary>
/// <param name="target">Whose answers they are.</param>
/// <param name="plan">Seed and profiles.</param>
/// <param name="platform">Whose cases.</param>
/// <param name="end">The first case that is not begun.</param>
internal sealed class CaseQueue(ITarget target, CheckPlan plan, Platform platform, long end)
{
    private readonly Queue<(long Index, Profile? Profile, Scenario Scenario, Task<TargetRun> Run)> underWay = [];
    private long next = plan.FirstCase;

    /// <summary>The next case; null behind the last.</summary>
    public CaseRun? Next()
    {
        if (target is not IParallelTarget parallel)
            return next < end ? Run(next++) : null;
        for (; next < end && underWay.Count < parallel.Ways; next++)
        {
            (Profile? profile, Scenario scenario) = Generate(next);
            underWay.Enqueue((next, profile, scenario, parallel.Begin(scenario)));
        }

        return underWay.TryDequeue(out (long Index, Profile? Profile, Scenario Scenario, Task<TargetRun> Run) first)
            ? new(first.Index, first.Profile, first.Scenario, TargetRun.Of(first.Run, first.Scenario))
            : null;
    }

    private CaseRun Run(long index)
    {
        (Profile? profile, Scenario scenario) = Generate(index);
        return new(index, profile, scenario, TargetRun.Run(target, scenario));
    }

    private (Profile? Profile, Scenario Scenario) Generate(long index)
    {
        Profile? profile = plan.Profiles.IsEmpty ? null : plan.Profiles[(int)(index % plan.Profiles.Length)];
        return (profile, Generator.Case(plan.Seed, index, platform, profile));
    }
}
