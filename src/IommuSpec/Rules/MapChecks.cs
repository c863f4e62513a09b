namespace IommuSpec.Rules;

/// <summary>MAP-3 to MAP-6: what each programming interface checks before it maps, and in which order.</summary>
public static class MapChecks
{
    /// <summary>Why a map is refused, and by which rule; null where it is granted.</summary>
    public static (Refusal Why, RuleId Rule)? Of(State state, Op.Map op)
    {
        Request request = new(state, op);
        (Refusal? why, RuleId rule) = state.Platform.Contract switch
        {
            Contract.Kernel => (Kernel(request), RuleId.Map3),
            Contract.Vfio => (Vfio(request), RuleId.Map4),
            _ => (Iommufd(request), RuleId.Map5),
        };
        return why is { } refusal ? (refusal, refusal == Refusal.Occupied ? RuleId.Map6 : rule) : null;
    }

    /// <summary>The kernel meets what is occupied while it walks and allocates tables, so that either failure may come first.</summary>
    public static bool IsFoundWhileWalking(Platform platform, Refusal why) =>
        why == Refusal.Occupied && platform.Contract == Contract.Kernel;

    // MAP-3  The kernel's map checks rights, the width of the physical start, emptiness, wrapping, alignment, the width of
    //        the physical end, the input range and occupancy, in that order.
    [Rule(RuleId.Map3, "the kernel's map is refused by the first of its checks that fails",
        Source = "Linux 7.0 generic_pt/iommu_pt.h map_range")]
    private static Refusal? Kernel(Request r) =>
        r.NoRights ?? r.StartTooWide ?? r.Empty ?? r.Wraps ?? r.Misaligned ?? r.EndTooWide ?? r.OutOfRange ?? r.Occupied;

    // MAP-4  VFIO's map checks emptiness, wrapping, rights, alignment, occupancy, the valid IOVA ranges and what can be pinned, in that order.
    [Rule(RuleId.Map4, "VFIO's map is refused by the first of its checks that fails",
        Source = "Linux 7.0 drivers/vfio/vfio_iommu_type1.c vfio_dma_do_map")]
    private static Refusal? Vfio(Request r) =>
        r.Empty ?? r.EitherWraps ?? r.NoRights ?? r.Misaligned ?? r.Occupied ?? r.OutOfRange ?? r.Reserved ?? r.EndTooWide;

    // MAP-5  iommufd's map at a fixed IOVA checks rights, emptiness, wrapping, alignment, the allowed ranges, reserved regions,
    //        occupancy and what can be pinned, in that order.
    [Rule(RuleId.Map5, "iommufd's map is refused by the first of its checks that fails",
        Source = "Linux 7.0 drivers/iommu/iommufd/ioas.c, io_pagetable.c")]
    private static Refusal? Iommufd(Request r) =>
        r.NoRights ?? r.Empty ?? r.EitherWraps ?? r.Misaligned ?? r.OutOfRange ?? r.Reserved ?? r.Occupied ?? r.EndTooWide;

    /// <summary>A map request and the checks it may fail, each true or false for itself.</summary>
    private readonly record struct Request(State State, Op.Map Op)
    {
        private const ulong LowBits = Platform.Granule - 1;

        private AddressRange Range => AddressRange.Of(Op.Iova, Op.Length);

        public Refusal? NoRights => (Op.Rights & (Rights.Read | Rights.Write)) == 0 ? Refusal.NoRights : null;

        public Refusal? StartTooWide => Op.Physical > Bits.Mask(State.Platform.PhysicalBits) ? Refusal.TooWide : null;

        public Refusal? Empty => Op.Length == 0 ? Refusal.Empty : null;

        public Refusal? Wraps => AddressRange.Wraps(Op.Iova, Op.Length) ? Refusal.Wraps : null;

        public Refusal? EitherWraps => Wraps ?? (AddressRange.Wraps(Op.Physical, Op.Length) ? Refusal.Wraps : null);

        public Refusal? Misaligned => ((Op.Iova | Op.Physical | Op.Length) & LowBits) != 0 ? Refusal.Misaligned : null;

        public Refusal? EndTooWide =>
            AddressRange.Wraps(Op.Physical, Op.Length) || AddressRange.Of(Op.Physical, Op.Length).Last > Bits.Mask(State.Platform.PhysicalBits)
                ? Refusal.TooWide
                : null;

        // Both ends in range, and in the same half where the input range has two.
        public Refusal? OutOfRange =>
            State.Format.InRange(State.Platform.LevelCount, Range.First)
            && State.Format.InRange(State.Platform.LevelCount, Range.Last)
            && (State.Platform.Format != TableFormat.X86FirstStage || Range.First >> 63 == Range.Last >> 63)
                ? null
                : Refusal.OutOfRange;

        public Refusal? Reserved =>
            State.Platform.InterruptWindowReserved && Range.Overlaps(Translation.InterruptWindow) ? Refusal.Reserved : null;

        // MAP-6  Nothing that is mapped is mapped again, not even identically.
        [Rule(RuleId.Map6, "a map that overlaps what is mapped is refused, even where it is identical",
            Source = "Linux iommu_map: EADDRINUSE, io-pgtable: EEXIST; VFIO and iommufd: EEXIST")]
        public Refusal? Occupied => State.Domain(Op.Domain).Touches(Range) ? Refusal.Occupied : null;
    }
}
