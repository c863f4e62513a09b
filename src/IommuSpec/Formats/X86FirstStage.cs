using System.Collections.Immutable;

namespace IommuSpec.Formats;

/// <summary>
/// First-stage paging entries, the x86-64 layout. Requests here are user requests.
/// Source: VT-d 3.7, 9.8 and the x86-64 architecture; QEMU intel_iommu_internal.h; Linux generic_pt/fmt/x86_64.h.
/// </summary>
public sealed record X86FirstStage(Platform Platform) : PageTableFormat(Platform)
{
    private const ulong Present = 1 << 0;
    private const ulong Writable = 1 << 1;
    private const ulong User = 1 << 2;
    private const ulong Accessed = 1 << 5;
    private const ulong Dirty = 1 << 6;

    public override ImmutableArray<BitField> Fields(int level, bool leaf) => (leaf, level) switch
    {
        (false, _) =>
        [
            .. Top,
            new("ADDR", Platform.PhysicalBits - 1, 12),
            new("ignored", 11, 8, Use.Ignored),
            new("PS", 7, 7, level >= 3 ? Use.Reserved : Use.Meaning),
            new("ignored", 6, 6, Use.Ignored),
            .. Bottom,
        ],
        (true, 0) =>
        [
            .. Top,
            new("ADDR", Platform.PhysicalBits - 1, 12),
            new("ignored", 11, 9, Use.Ignored),
            new("G", 8, 8),
            new("PAT", 7, 7),
            new("D", 6, 6),
            .. Bottom,
        ],
        (true, _) =>
        [
            .. Top,
            new("ADDR", Platform.PhysicalBits - 1, SpanLg2(level)),
            BelowPage(level, 13),
            new("PAT", 12, 12),
            new("ignored", 11, 9, Use.Ignored),
            new("G", 8, 8),
            new("PS", 7, 7, BitField.UnlessThenReserved(HasLeaves(level))),
            new("D", 6, 6),
            .. Bottom,
        ],
    };

    private ImmutableArray<BitField> Top =>
    [
        new("XD", 63, 63, BitField.UnlessThenReserved(Platform.NoExecute)),
        new("ignored", 62, 52, Use.Ignored),
        BeyondPhysical,
    ];

    private static ImmutableArray<BitField> Bottom =>
    [
        new("A", 5, 5),
        new("PCD", 4, 4),
        new("PWT", 3, 3),
        new("U/S", 2, 2),
        new("R/W", 1, 1),
        new("P", 0, 0),
    ];

    public override bool IsPresent(ulong entry) => (entry & Present) != 0;

    // The order inside a level: present, user, write. Source: QEMU, first-stage walk.
    public override (byte Reason, RuleId Rule)? NoPermission(ulong entry, AccessKind kind) =>
        (entry & Present) == 0 ? (VtdFault.FirstStageNotPresent, RuleId.Wlk2)
        : (entry & User) == 0 ? (VtdFault.NotUser, RuleId.Wlk3)
        : kind == AccessKind.Write && (entry & Writable) == 0 ? (VtdFault.FirstStageNoWrite, RuleId.Wlk3)
        : null;

    /// <summary>Canonical addresses: the bits from the highest translated one upwards are equal.</summary>
    public override bool InRange(int levelCount, ulong iova) =>
        unchecked((long)iova) >> (SpanLg2(levelCount) - 1) is 0 or -1;

    public override ulong AccessedBits(bool leaf, AccessKind kind) =>
        leaf && kind == AccessKind.Write ? Accessed | Dirty : Accessed;

    public override byte NotMapped(AccessKind kind) => VtdFault.FirstStageNotPresent;

    public override byte NotPermitted(AccessKind kind) =>
        kind == AccessKind.Write ? VtdFault.FirstStageNoWrite : VtdFault.FirstStageNotPresent;

    public override byte Reserved => VtdFault.FirstStageReserved;

    public override byte RootUnreadable => VtdFault.FirstStageRootUnreadable;

    public override byte EntryUnreadable => VtdFault.FirstStageUnreadable;

    public override byte OutOfInputRange => VtdFault.NotCanonical;

    public override byte TooWide => VtdFault.BeyondHardware;

    public override byte OutputInWindow => VtdFault.FirstStageIntoInterruptWindow;
}
