using System.Collections.Immutable;
using IommuSpec.Formats;

namespace IommuSpec.Rules;

/// <summary>What a device's context says: a fault, pass-through, or the tables to walk.</summary>
/// <param name="Fault">Why the request stops here; null where it goes on.</param>
/// <param name="Rule">The rule that says so.</param>
/// <param name="PassThrough">Untranslated.</param>
/// <param name="Root">Physical address of the root table.</param>
/// <param name="LevelCount">Its levels.</param>
/// <param name="DomainId">The tag of what is cached.</param>
/// <param name="SuppressesFaults">FPD: qualified faults are not recorded.</param>
/// <param name="Steps">What was read, for a reader; empty inside the specification.</param>
public sealed record ContextResult(
    byte? Fault, RuleId Rule, bool PassThrough, ulong Root, int LevelCount, ushort DomainId, bool SuppressesFaults, ImmutableArray<WalkStep> Steps)
{
    public static ContextResult Stops(byte fault, RuleId rule, bool suppresses = false) => new(fault, rule, false, 0, 0, 0, suppresses, []);

    public static ContextResult Tables(ulong root, int levelCount, ushort domainId, RuleId rule, bool suppresses = false) =>
        new(null, rule, false, root, levelCount, domainId, suppresses, []);
}

/// <summary>CTX: which tables a device uses. What caches make of it is in <see cref="Caching"/>.</summary>
public static class DeviceContext
{
    // CTX-1  A device that was given nothing is blocked.
    [Rule(RuleId.Ctx1, "a device that was given no tables is blocked: every access faults",
        Source = "VT-d 7.1.3 LCT.2: context entry not present")]
    public static Answer Blocked => new(Outcome.Faulted(VtdFault.ContextNotPresent), RuleId.Ctx1);

    // CTX-2  Without translation a device reaches the physical address that it names, if the platform has it.
    [Rule(RuleId.Ctx2, "an identity device lands at the address it names, within the physical width",
        Source = "Linux IOMMU_DOMAIN_IDENTITY; VT-d 7.1.3 LGN.1, SGN.4 for pass-through")]
    public static Answer Identity(State state, ulong iova, int widthBits, RuleId rule) =>
        iova > Bits.Mask(widthBits) ? new(Outcome.Faulted(state.Format.TooWide), rule) : Translation.Lands(state, iova, rule);

    // CTX-3  Attaching and detaching take effect at once, caches included; a device that has a domain moves.
    [Rule(RuleId.Ctx3, "attach and detach take effect for the next access, whatever the device used before",
        Source = "Linux __iommu_attach_device; Cloud Hypervisor: attach to a new domain without leaving the old one is a bug")]
    public static Allowed Attach(State state, int device, Attachment attachment)
    {
        Allowed done = Allowed.Only(Observation.Done.Instance, state.With(device, attachment), RuleId.Ctx3);
        return attachment.Kind == AttachmentKind.None ? done : Injection.OrNoMemory(state, done);
    }

    // CTX-4  While translation is off every access lands at the address it names.
    [Rule(RuleId.Ctx4, "while translation is disabled accesses pass untranslated", Source = "VT-d GSTS.TES: with TES=0 all DMA passes")]
    public static Answer Untranslated(State state, ulong iova) => Translation.Reaches(state, iova, RuleId.Ctx4);

    // CTX-5  The root entry of the requester's bus must be present, then its reserved bits must be 0.
    [Rule(RuleId.Ctx5, "a root entry is checked for presence, then for reserved bits",
        Source = "VT-d 7.1.3 LRT.2, LRT.3; 9.1; VirtualBox DevIommuIntel.cpp")]
    public static ContextResult? RootStops(VtdContext format, ContextWords root) =>
        !VtdContext.IsPresent(root) ? ContextResult.Stops(VtdFault.RootNotPresent, RuleId.Ctx5)
        : format.RootHasReserved(root) ? ContextResult.Stops(VtdFault.RootReserved, RuleId.Ctx5)
        : null;

    // CTX-5  A root or context entry that no memory holds cannot be read.
    [Rule(RuleId.Ctx5, "a root or context entry that cannot be read stops the request",
        Source = "VT-d 7.1.3 LRT.1, LCT.1: accessing the entry resulted in an error")]
    public static ContextResult? Unreadable(Platform platform, ulong entry, byte fault) =>
        platform.CanReadEntry(entry) ? null : ContextResult.Stops(fault, RuleId.Ctx5);

    // CTX-6  The context entry of the requester must be present, then its reserved bits 0, then its type and width ones the platform has.
    [Rule(RuleId.Ctx6, "a context entry is checked for presence, reserved bits, type and width, in that order",
        Source = "VT-d 7.1.3 LCT.2, LCT.3, LCT.4; 9.3; VirtualBox DevIommuIntel.cpp")]
    public static ContextResult Interpret(VtdContext format, ContextWords context)
    {
        bool suppresses = VtdContext.SuppressesFaults(context);
        return !VtdContext.IsPresent(context) ? ContextResult.Stops(VtdFault.ContextNotPresent, RuleId.Ctx6, suppresses)
            : format.ContextHasReserved(context) ? ContextResult.Stops(VtdFault.ContextReserved, RuleId.Ctx6, suppresses)
            : !format.TypeIsSupported(context) || !format.WidthIsSupported(context) ? ContextResult.Stops(VtdFault.ContextInvalid, RuleId.Ctx6, suppresses)
            : PassesThrough(format, context)
                ?? ContextResult.Tables(format.Pointer(context), VtdContext.LevelCount(context), VtdContext.DomainId(context), RuleId.Ctx6, suppresses);
    }

    // CTX-7  A pass-through entry lets the device reach the address that it names, within the lower of the physical and the input width.
    [Rule(RuleId.Ctx7, "a pass-through context entry lets requests through untranslated, within the platform's widths",
        Source = "VT-d 9.3 TT=2, ECAP.PT; 7.1.3 LGN.1")]
    private static ContextResult? PassesThrough(VtdContext format, ContextWords context) =>
        VtdContext.Type(context) == TranslationType.PassThrough
            ? new(null, RuleId.Ctx7, true, format.Pointer(context), VtdContext.LevelCount(context), VtdContext.DomainId(context), VtdContext.SuppressesFaults(context), [])
            : null;

    // CTX-8  Where no tables in memory say so, a device uses the root table and the domain id it was last programmed with, at once.
    [Rule(RuleId.Ctx8, "a programmed device uses the root table and domain id it was given last",
        Source = "VT-d 9.3 reduced to its pointer and domain id")]
    public static ContextResult Programmed(Platform platform, Programmed program) =>
        program.Present
            ? ContextResult.Tables(program.Root, platform.LevelCount, program.DomainId, RuleId.Ctx8)
            : ContextResult.Stops(VtdFault.ContextNotPresent, RuleId.Ctx1);

    /// <summary>The way from a requester id to its context, in memory as it is, for a reader.</summary>
    public static ContextResult ContextLookup(Platform platform, ulong rootTable, ushort requester, Func<ulong, ulong> readWord)
    {
        VtdContext format = new(platform);
        ulong rootAddress = VtdContext.RootEntryAddress(rootTable, requester);
        ContextWords root = new(readWord(rootAddress), readWord(rootAddress + 8));
        WalkStep rootStep = new(0, rootAddress, root.Low, "root entry");
        if (RootStops(format, root) is { } stopped)
            return stopped with { Steps = [rootStep] };
        ulong contextAddress = VtdContext.ContextEntryAddress(format.Pointer(root), requester);
        ContextWords context = new(readWord(contextAddress), readWord(contextAddress + 8));
        return Interpret(format, context) with
        {
            Steps =
            [
                rootStep,
                new(0, contextAddress, context.Low, "context entry, low word"),
                new(0, contextAddress + 8, context.High, "context entry, high word"),
            ],
        };
    }
}
