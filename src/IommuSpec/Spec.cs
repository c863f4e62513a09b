using IommuSpec.Rules;

namespace IommuSpec;

/// <summary>The specification: what may be answered to an operation in a state.</summary>
public static class Spec
{
    /// <summary>The state before the first operation.</summary>
    public static State Start(Platform platform) => new(platform);

    /// <summary>What a target may answer. Total: every operation has an answer in every state.</summary>
    public static Allowed Step(State state, Op op) => op switch
    {
        Op.Access o => Translation.Access(state, o),
        Op.DrainFaults => Faults.Drain(state),
        Op.FailNext o => Injection.FailNext(state, o),
        _ => state.Platform.Contexts == ContextMode.Software ? Software(state, op) : Hardware(state, op),
    };

    private static Allowed Software(State state, Op op) => op switch
    {
        Op.Attach o => DeviceContext.Attach(state, o.Device, Attachment.To(o.Domain)),
        Op.AttachIdentity o => DeviceContext.Attach(state, o.Device, Attachment.Identity),
        Op.Detach o => DeviceContext.Attach(state, o.Device, default),
        Op.Map o => MappingRules.Map(state, o),
        Op.Unmap o => Unmapping.Unmap(state, o),
        Op.UnmapAll o => Unmapping.All(state, o),
        Op.Lookup o => MappingRules.Lookup(state, o),
        Op.FreeDomain o => MappingRules.Free(state, o),
        Op.Invalidate o => Invalidation.Range(state, o),
        Op.InvalidateDomain o => Invalidation.WholeDomain(state, o),
        Op.InvalidateAll => Invalidation.All(state),
        Op.Audit => MappingRules.Audit(state),
        _ => Registers.NotHere(state),
    };

    private static Allowed Hardware(State state, Op op) => (op, state.Platform.Contexts) switch
    {
        (Op.Poke o, _) => Registers.Poke(state, o),
        (Op.Peek o, _) => Registers.Peek(state, o),
        (Op.FlushIotlb o, _) => Registers.FlushIotlb(state, o),
        (Op.Program o, ContextMode.Direct) => Registers.Program(state, o),
        (Op.Unprogram o, ContextMode.Direct) => Registers.Unprogram(state, o),
        (Op.SetRootTable o, ContextMode.VtdLegacy) => Registers.SetRootTable(state, o),
        (Op.SetTranslation o, ContextMode.VtdLegacy) => Registers.SetTranslation(state, o),
        (Op.FlushContexts o, ContextMode.VtdLegacy) => Registers.FlushContexts(state, o),
        _ => Registers.NotHere(state),
    };
}
