using System.Collections.Immutable;
using IommuSpec.Formats;

namespace IommuSpec.Rules;

/// <summary>A device's access where tables are words of memory: the context first, then the walk, each as it is or as a cache remembers it.</summary>
public static class HardwareAccess
{
    /// <summary>The contexts that a device's request may use, the one in memory first; none where requests are not translated by tables in memory.</summary>
    public static ImmutableArray<RememberedContext> Contexts(State state, int device) =>
        state.Platform.Contexts == ContextMode.Direct || (state.Platform.Contexts == ContextMode.VtdLegacy && state.Hardware.Translating)
            ? Caching.Contexts(state, device)
            : [];

    /// <summary>The answers to one piece: the one that memory gives as it is, and others.</summary>
    public static (Answer Plain, IEnumerable<Answer> Others) Answers(State state, ImmutableArray<RememberedContext> contexts, ulong iova, AccessKind kind) =>
        contexts.IsEmpty
            ? (DeviceContext.Untranslated(state, iova), [])
            : (Finish(contexts[0], Now(state, contexts[0].Is, iova, kind)), AndSilent(state, contexts, iova, kind));

    // FLT-1  Where the platform says so, a denial by a translation that a cache may hold is not recorded. A cache holds it only where
    //        an access of the other kind may have been translated by the same tables since their last invalidation.
    [Rule(RuleId.Flt1, "where a platform declares it, a denial by a translation that an access of the other kind left in a cache may go unrecorded",
        Source = "a deviation from VT-d 7.2.1 that is declared of QEMU: vtd_do_iommu_translate, IOTLB hits")]
    private static IEnumerable<Answer> AndSilent(State state, ImmutableArray<RememberedContext> contexts, ulong iova, AccessKind kind)
    {
        IEnumerable<Answer> others = Others(state, contexts, iova, kind);
        return state.Platform.SilentCachedDenials ? others.Concat(Silent(state, contexts, iova, kind)) : others;
    }

    private static IEnumerable<Answer> Silent(State state, ImmutableArray<RememberedContext> contexts, ulong iova, AccessKind kind)
    {
        AccessKind other = kind == AccessKind.Read ? AccessKind.Write : AccessKind.Read;
        foreach (RememberedContext context in contexts)
        {
            if (!Walked(state, context.Is, iova) || !Caching.UsedSinceFlush(state, context.Is, iova) || !MayPass(state, context, iova, other))
                continue;
            Answer denied = Finish(context, new(Outcome.Faulted(state.Format.NotPermitted(kind)), RuleId.Flt1));
            yield return denied with { Suppressed = true };
        }
    }

    private static bool MayPass(State state, RememberedContext context, ulong iova, AccessKind kind) =>
        Passes(Now(state, context.Is, iova, kind)) || Caching.Walks(state, context, iova, kind).Any(Passes);

    private static bool Passes(Answer answer) => answer.Outcome.Kind == OutcomeKind.Landed || answer.Outcome == Outcome.Nowhere;

    /// <summary>What the present context gives by walks that caches remember, then what remembered contexts give.</summary>
    private static IEnumerable<Answer> Others(State state, ImmutableArray<RememberedContext> contexts, ulong iova, AccessKind kind)
    {
        foreach (RememberedContext context in contexts)
        {
            if (context is { IsStale: true, IsEnded: false })
                yield return Finish(context, Now(state, context.Is, iova, kind));
            if (Walked(state, context.Is, iova))
            {
                foreach (Answer remembered in Caching.Walks(state, context, iova, kind))
                    yield return Finish(context, remembered);
            }
        }
    }

    /// <summary>An access leaves behind which root tables it may have been translated through: caches may remember what they led to.</summary>
    public static State Remember(State state, ImmutableArray<RememberedContext> contexts)
    {
        Hardware hardware = state.Hardware;
        foreach (RememberedContext context in contexts)
        {
            if (context is { IsEnded: false, Is: { Fault: null, PassThrough: false } tables })
                hardware = hardware.Use(tables.DomainId, tables.Root, tables.LevelCount);
        }
        return ReferenceEquals(hardware, state.Hardware) ? state : state with { Hardware = hardware };
    }

    /// <summary>What a context gives by memory as it is.</summary>
    private static Answer Now(State state, ContextResult context, ulong iova, AccessKind kind) =>
        context.Fault is { } fault ? new(Outcome.Faulted(fault), context.Rule)
        : context.PassThrough ? DeviceContext.Identity(state, iova, Math.Min(state.Platform.PhysicalBits, state.Platform.IovaBits), RuleId.Ctx7)
        : Translation.OutsideInput(state, context.LevelCount, iova) is { } outside ? outside
        : TableWalk.Now(state, context.Root, context.LevelCount, iova, kind);

    /// <summary>Whether tables decide, of which caches may remember another state.</summary>
    private static bool Walked(State state, ContextResult context, ulong iova) =>
        context is { Fault: null, PassThrough: false } && Translation.OutsideInput(state, context.LevelCount, iova) is null;

    /// <summary>Whether it depends on the context that is used if faults are recorded.</summary>
    public static bool MayBeSuppressed(ImmutableArray<RememberedContext> contexts)
    {
        foreach (RememberedContext context in contexts)
        {
            if (context.Is.SuppressesFaults != contexts[0].Is.SuppressesFaults)
                return true;
        }
        return false;
    }

    // FLT-4  A context entry whose FPD bit is set keeps qualified faults from being recorded; the access is stopped all the same.
    [Rule(RuleId.Flt4, "with FPD set in the context entry a qualified fault is not recorded, and stops the access all the same",
        Source = "VT-d 9.3 FPD, 7.2.1; QEMU's table of qualified faults")]
    private static Answer Finish(RememberedContext context, Answer answer) => answer with
    {
        Rule = context.IsStale ? RuleId.Inv6 : answer.Rule,
        Rules = context.IsStale ? answer.Rules | context.Is.Rule | RuleId.Inv6 : answer.Rules | context.Is.Rule,
        Suppressed = answer.Outcome.Kind == OutcomeKind.Faulted && context.Is.SuppressesFaults && VtdFault.IsQualified(answer.Outcome.Reason),
    };
}
