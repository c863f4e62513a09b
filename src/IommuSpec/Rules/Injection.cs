namespace IommuSpec.Rules;

/// <summary>INJ: allocations that fail.</summary>
public static class Injection
{
    // INJ-1  While a failure is armed, a request that may allocate is answered as usual or refused for lack of memory, without effect;
    //        the failure strikes once. Without one armed there is always memory.
    [Rule(RuleId.Inj1, "a request that meets an injected allocation failure is refused without any effect, once",
        Source = "Linux iommu_map: everything newly mapped by a failing call is unmapped again; ENOMEM")]
    public static Allowed OrNoMemory(State state, Allowed usual) =>
        state.FailureArmed && usual is Allowed.OneOf ways
            ? ways.Or(new(new Observation.Refused(Refusal.NoMemory), state with { FailureArmed = false }, RuleId.Inj1))
            : usual;

    /// <summary>Arms or disarms.</summary>
    public static Allowed FailNext(State state, Op.FailNext op) =>
        Allowed.Only(Observation.Done.Instance, state with { FailureArmed = op.Index > 0 }, RuleId.Inj1);
}
