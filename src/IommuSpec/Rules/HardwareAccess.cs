using System.Collections.Immutable;
using IommuSpec.Formats;

namespace IommuSpec.Rules;

/// <summary>A device's access where tables are words of memory: the context first, then the walk, each as it is or as a cache remembers it.</summary>
public static class HardwareAccess
{
    /// <summary>The contexts that a device's request may use, the one in memory first; none where requests are not translated by tables in memory.</summary>
    public static ImmutableArray<RememberedContext> Contexts(State state, int device) =>
        state.Platform.Contexts == ContextMode.Direct || (state.Platform.Contexts == ContextMode.VtdLegacy && state.Hardware.Translating)
            ? [.. Caching.Contexts(state, device)]
            : [];

    /// <summary>The answers to one piece, the one that memory gives as it is first.</summary>
    public static ImmutableArray<Answer> Answers(State state, ImmutableArray<RememberedContext> contexts, ulong iova, AccessKind kind)
    {
        if (contexts.IsEmpty)
            return [DeviceContext.Untranslated(iova)];
        ImmutableArray<Answer>.Builder answers = ImmutableArray.CreateBuilder<Answer>();
        foreach (RememberedContext context in contexts)
        {
            foreach (Answer answer in Through(state, context.Is, iova, kind))
            {
                Answer finished = Finish(context.Is, answer);
                answers.Add(context.IsStale ? finished with { Rule = RuleId.Inv6, Rules = finished.Rules | RuleId.Inv6 } : finished);
            }
        }
        return answers.ToImmutable();
    }

    /// <summary>An access leaves behind which root tables it may have been translated through: caches may remember what they led to.</summary>
    public static State Remember(State state, ImmutableArray<RememberedContext> contexts)
    {
        Hardware hardware = state.Hardware;
        foreach (RememberedContext context in contexts)
        {
            if (context.Is is { Fault: null, PassThrough: false } tables)
                hardware = hardware.Use(tables.DomainId, tables.Root, tables.LevelCount);
        }
        return ReferenceEquals(hardware, state.Hardware) ? state : state with { Hardware = hardware };
    }

    private static IReadOnlyList<Answer> Through(State state, ContextResult context, ulong iova, AccessKind kind)
    {
        if (context.Fault is { } fault)
            return [new(Outcome.Faulted(fault), context.Rule)];
        if (context.PassThrough)
            return [DeviceContext.Identity(state, iova, Math.Min(state.Platform.PhysicalBits, state.Platform.IovaBits), RuleId.Ctx7)];
        if (Translation.OutsideInput(state, context.LevelCount, iova) is { } outside)
            return [outside];
        return [TableWalk.Now(state, context.Root, context.LevelCount, iova, kind), .. Caching.Walks(state, context, iova, kind)];
    }

    // FLT-4  A context entry whose FPD bit is set keeps qualified faults from being recorded; the access is stopped all the same.
    [Rule(RuleId.Flt4, "with FPD set in the context entry a qualified fault is not recorded, and stops the access all the same",
        Source = "VT-d 9.3 FPD, 7.2.1; QEMU's table of qualified faults")]
    private static Answer Finish(ContextResult context, Answer answer) => answer with
    {
        Rules = answer.Rules | context.Rule,
        Suppressed = answer.Outcome.Kind == OutcomeKind.Faulted && context.SuppressesFaults && VtdFault.IsQualified(answer.Outcome.Reason),
    };
}
