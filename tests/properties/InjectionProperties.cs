using IommuSpec;
using IommuVerify.Tests.Properties.Support;
using Xunit;

namespace IommuVerify.Tests.Properties;

/// <summary>INJ: a failed allocation costs the request and nothing else.</summary>
public class InjectionProperties
{
    private static readonly Observation NoMemory = new Observation.Refused(Refusal.NoMemory);

    [SpecProperty(MaxTest = 1000)]
    public void The_implementation_conforms_while_allocations_fail(Seed seed) => Conformance.Holds("injection", seed.Value);

    [SpecProperty]
    public void Without_an_armed_failure_there_is_always_memory(AnyPlay play)
    {
        State disarmed = Play.After(play.State, new Op.FailNext(0));
        foreach (Op op in play.Rest.Where(op => op is not Op.FailNext))
            Assert.Null(Spec.Step(disarmed, op).Match(NoMemory));
    }

    [SpecProperty]
    public void A_failure_strikes_once_and_changes_nothing_else(SoftwarePlay play)
    {
        State armed = Play.After(play.State, new Op.FailNext(1));
        foreach (Op op in play.Scenario.Ops)
        {
            if (Spec.Step(armed, op).Match(NoMemory) is not { } way)
                continue;
            Assert.Equal(armed with { FailureArmed = false }, way.Next);
            Assert.Null(Spec.Step(way.Next, op).Match(NoMemory));
        }
    }

    [SpecProperty]
    public void What_is_allowed_without_a_failure_is_allowed_with_one_armed(SoftwarePlay play)
    {
        State armed = Play.After(play.State, new Op.FailNext(1));
        State disarmed = Play.After(play.State, new Op.FailNext(0));
        foreach (Op op in play.Scenario.Ops)
            Assert.All(Spec.Step(disarmed, op).Ways(), way => Assert.NotNull(Spec.Step(armed, op).Match(way.Seen)));
    }
}
