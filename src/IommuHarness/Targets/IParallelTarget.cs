using IommuSpec;

namespace IommuHarness.Targets;

/// <summary>A target that works on several scenarios at once, each as if there were no other: its answers do not depend on which.</summary>
public interface IParallelTarget : ITarget
{
    /// <summary>How many scenarios should be under way, 1 or more, so that it never waits for the next.</summary>
    int Ways { get; }

    /// <summary>Begins a scenario, from one thread at a time; others may be under way. What comes of it is what <see cref="ITarget.Run"/> would answer.</summary>
    Task<TargetRun> Begin(Scenario scenario);
}
