using System.Collections.Immutable;
using IommuSpec;
using IommuSpec.Rules;

namespace IommuHarness.Corpus;

/// <summary>
/// How a device finds its tables: through root and context entries in memory, or by a root that is named for it.
/// </summary>
/// <param name="Requester">Requester id.</param>
/// <param name="Root">Physical address of its root table where that is named; null where context entries say it.</param>
/// <param name="DomainId">Domain id where the root is named.</param>
public readonly record struct WalkStart(ushort Requester, ulong? Root, ushort DomainId);

/// <summary>The specification's walk of a memory that nobody changes behind its back: no caches, one answer.</summary>
internal sealed class SpecSide
{
    private readonly ulong _rootTable;
    private State _state;

    /// <param name="platform">Whose tables they are.</param>
    /// <param name="memory">The memory that they are in.</param>
    /// <param name="rootTable">Physical address of the root table of context entries, where there are any.</param>
    public SpecSide(Platform platform, CaptureMemory memory, ulong rootTable)
    {
        _rootTable = rootTable;
        Memory words = Memory.Of(memory.Words().Select(word => (word.Physical, new Word(word.Value, 0, []))));
        _state = Spec.Start(platform) with { Hardware = Hardware.Start with { Memory = words } };
    }

    public Platform Platform => _state.Platform;

    public ulong ReadWord(ulong physical) => _state.Hardware.Read(physical).Value;

    /// <summary>Stores a word without a past: no cache remembers the one before.</summary>
    public void WriteWord(ulong physical, ulong value) =>
        _state = _state with { Hardware = _state.Hardware with { Memory = _state.Hardware.Memory.With(physical, new Word(value, 0, [])) } };

    /// <summary>Which tables a device uses.</summary>
    public ContextResult Context(WalkStart start) =>
        start.Root is { } root
            ? ContextResult.Tables(root, Platform.LevelCount, start.DomainId, RuleId.Ctx8)
            : DeviceContext.ContextLookup(Platform, _rootTable, start.Requester, ReadWord);

    /// <summary>What becomes of one byte's access, and which accessed and dirty bits it sets in memory.</summary>
    public Answer At(ContextResult context, ulong iova, AccessKind kind)
    {
        if (kind == AccessKind.Write && Translation.InterruptWindow.Contains(iova))
            return new Answer(Outcome.Interrupt, RuleId.Trn6);
        if (context.Fault is { } fault)
            return new Answer(Outcome.Faulted(fault), context.Rule);
        if (context.PassThrough)
            return DeviceContext.Identity(_state, iova, Math.Min(Platform.PhysicalBits, Platform.IovaBits), RuleId.Ctx7);
        return Translation.OutsideInput(_state, context.LevelCount, iova)
            ?? TableWalk.Now(_state, context.Root, context.LevelCount, iova, kind);
    }

    /// <summary>Context entries and table entries in the order that an access reads them.</summary>
    public ImmutableArray<WalkStep> Steps(ContextResult context, ulong iova, AccessKind kind) => [.. context.Steps, .. TableSteps(context, iova, kind)];

    /// <summary>The table entries that an access reads, from the root down.</summary>
    public ImmutableArray<WalkStep> TableSteps(ContextResult context, ulong iova, AccessKind kind) =>
        context.Fault is null && !context.PassThrough
            ? TableWalk.Explain(Platform, context.LevelCount, context.Root, iova, kind, ReadWord).Steps
            : [];
}
