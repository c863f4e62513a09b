using System.Collections.Immutable;

namespace IommuSpec.Formats;

/// <summary>
/// VT-d second-stage paging entries. There is no present bit: an entry is present if it is readable or writable.
/// Source: VT-d 9.8; VirtualBox include/VBox/iommu-intel.h; QEMU intel_iommu.c, reserved masks; Linux generic_pt/fmt/vtdss.h.
/// </summary>
public sealed record VtdSecondStage(Platform Platform) : PageTableFormat(Platform)
{
    public override ImmutableArray<BitField> Fields(int level, bool leaf) => (leaf, level) switch
    {
        (false, _) =>
        [
            new("ignored", 63, 63, Use.Ignored),
            new("reserved", 62, 62, Use.Reserved),
            new("ignored", 61, 52, Use.Ignored),
            BeyondPhysical,
            new("ADDR", Platform.PhysicalBits - 1, 12),
            new("reserved", 11, 11, Use.Reserved),
            new("ignored", 10, 8, Use.Ignored),
            new("PS", 7, 7, level >= 3 ? Use.Reserved : Use.Meaning),
            new("ignored", 6, 2, Use.Ignored),
            new("W", 1, 1),
            new("R", 0, 0),
        ],
        (true, 0) =>
        [
            .. LeafTop,
            new("ADDR", Platform.PhysicalBits - 1, 12),
            new("SNP", 11, 11, BitField.UnlessThenReserved(Platform.SnoopControl)),
            new("ignored", 10, 2, Use.Ignored),
            new("W", 1, 1),
            new("R", 0, 0),
        ],
        (true, _) =>
        [
            .. LeafTop,
            new("ADDR", Platform.PhysicalBits - 1, SpanLg2(level)),
            BelowPage(level, 12),
            new("SNP", 11, 11, BitField.UnlessThenReserved(Platform.SnoopControl)),
            new("ignored", 10, 8, Use.Ignored),
            new("PS", 7, 7, BitField.UnlessThenReserved(HasLeaves(level))),
            new("ignored", 6, 2, Use.Ignored),
            new("W", 1, 1),
            new("R", 0, 0),
        ],
    };

    private ImmutableArray<BitField> LeafTop =>
    [
        new("ignored", 63, 63, Use.Ignored),
        new("TM", 62, 62, BitField.UnlessThenReserved(Platform.DeviceTlb)),
        new("ignored", 61, 52, Use.Ignored),
        BeyondPhysical,
    ];

    public override bool IsPresent(ulong entry) => (entry & 0b11) != 0;

    // An entry that is not present shows up as one without the right that the access needs.
    public override (byte Reason, RuleId Rule)? NoPermission(ulong entry, AccessKind kind) =>
        (entry & (kind == AccessKind.Write ? 0b10u : 0b01u)) != 0 ? null
        : (NotPermitted(kind), IsPresent(entry) ? RuleId.Wlk3 : RuleId.Wlk2);

    /// <summary>Bits 0 to the lower of the table's width and the platform's MGAW.</summary>
    public override bool InRange(int levelCount, ulong iova) =>
        iova <= Bits.Mask(Math.Min(SpanLg2(levelCount), Platform.IovaBits));

    // Accessed and dirty bits are ignored: SSADE is a feature of scalable mode.
    public override ulong AccessedBits(bool leaf, AccessKind kind) => 0;

    public override byte NotMapped(AccessKind kind) => NotPermitted(kind);

    public override byte NotPermitted(AccessKind kind) => kind == AccessKind.Write ? VtdFault.NoWrite : VtdFault.NoRead;

    public override byte Reserved => VtdFault.SecondStageReserved;

    public override byte RootUnreadable => VtdFault.ContextInvalid;

    public override byte EntryUnreadable => VtdFault.EntryUnreadable;

    public override byte OutOfInputRange => VtdFault.BeyondWidth;

    public override byte TooWide => VtdFault.BeyondWidth;

    public override byte OutputInWindow => VtdFault.IntoInterruptWindow;
}
