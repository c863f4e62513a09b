using IommuSpec;

namespace IommuHarness.Targets;

/// <summary>A target that gives each answer before it is asked the next operation, so that what it answered before it took its process with it is known.</summary>
public interface IStepTarget : ITarget
{
    /// <summary>Answers a scenario from the platform's start, one operation each time that another answer is taken.</summary>
    IEnumerable<Observation> Answers(Scenario scenario);
}
