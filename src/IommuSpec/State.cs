using System.Collections.Immutable;
using IommuSpec.Formats;

namespace IommuSpec;

/// <summary>Everything that the past of a run means for its future.</summary>
public sealed record State(Platform Platform)
{
    /// <summary>The platform's page-table format.</summary>
    public PageTableFormat Format { get; init; } = PageTableFormat.Of(Platform);

    /// <summary>The platform's context entries, where tables in memory say which tables a device uses.</summary>
    public VtdContext Context { get; init; } = new(Platform);

    /// <summary>Software level: domains by slot. Other slots are empty domains.</summary>
    public Sparse<Domain> Domains { get; init; }

    /// <summary>Software level: what each device slot translates through. Other slots have nothing.</summary>
    public Sparse<Attachment> Attachments { get; init; }

    /// <summary>Hardware level: memory, registers and what caches may remember.</summary>
    public Hardware Hardware { get; init; } = Hardware.Start;

    /// <summary>Fault records that software has not read yet.</summary>
    public FaultLog Faults { get; init; } = FaultLog.Empty;

    /// <summary>An allocation is set to fail, once, at some time from now.</summary>
    public bool FailureArmed { get; init; }

    public Domain Domain(int slot) => Domains.Get((ulong)slot, IommuSpec.Domain.Empty);

    public State With(int slot, Domain domain) => this with { Domains = domain.IsEmpty() ? Domains.Without((ulong)slot) : Domains.With((ulong)slot, domain) };

    public Attachment Attachment(int device) => Attachments.Get((ulong)device, default);

    public State With(int device, Attachment attachment) =>
        this with { Attachments = attachment.Kind == AttachmentKind.None ? Attachments.Without((ulong)device) : Attachments.With((ulong)device, attachment) };
}

/// <summary>What a device translates through, at the software level.</summary>
public enum AttachmentKind : byte
{
    None,
    Identity,
    Domain,
}

/// <summary>What a device translates through, at the software level.</summary>
public readonly record struct Attachment(AttachmentKind Kind, int Domain)
{
    public static readonly Attachment Identity = new(AttachmentKind.Identity, 0);

    public static Attachment To(int domain) => new(AttachmentKind.Domain, domain);
}

/// <summary>A range of IOVAs that translate to physical addresses at a constant distance, with constant rights.</summary>
/// <param name="Range">The IOVAs.</param>
/// <param name="Physical">Where the first of them goes.</param>
/// <param name="Rights">What devices may do, as asked for; MAP-2 says what is granted.</param>
public sealed record Mapping(AddressRange Range, ulong Physical, Rights Rights)
{
    public ulong At(ulong iova) => Physical + (iova - Range.First);

    /// <summary>The part inside <paramref name="range"/>, which overlaps.</summary>
    public Mapping Clip(AddressRange range) =>
        range.Contains(Range) ? this : new(Range.Intersect(range), At(Math.Max(Range.First, range.First)), Rights);
}

/// <summary>An earlier answer for a range that caches may still hold: a mapping, or (null) that nothing was mapped.</summary>
public readonly record struct Past(AddressRange Range, Mapping? Then);

/// <summary>
/// A domain is two values: what the tables say now, and every earlier answer not yet ended by a covering invalidation.
/// </summary>
/// <param name="Mapped">Mappings in ascending order, disjoint; each is what is left of one map request.</param>
/// <param name="Lingering">Earlier answers, "nothing mapped" included where the platform caches absence.</param>
public sealed record Domain(ImmutableArray<Mapping> Mapped, ImmutableArray<Past> Lingering)
{
    public static readonly Domain Empty = new([], []);

    /// <summary>Nothing is mapped and nothing lingers.</summary>
    public bool IsEmpty() => Mapped.IsEmpty && Lingering.IsEmpty;

    /// <summary>The mapping that holds an IOVA, if one does.</summary>
    public Mapping? At(ulong iova)
    {
        int index = FirstEndingAtOrAfter(iova);
        return index < Mapped.Length && Mapped[index].Range.First <= iova ? Mapped[index] : null;
    }

    /// <summary>Whether any byte of a range is mapped.</summary>
    public bool Touches(AddressRange range)
    {
        int index = FirstEndingAtOrAfter(range.First);
        return index < Mapped.Length && Mapped[index].Range.First <= range.Last;
    }

    /// <summary>Mappings that overlap a range, ascending.</summary>
    public IEnumerable<Mapping> Overlapping(AddressRange range)
    {
        for (int i = FirstEndingAtOrAfter(range.First); i < Mapped.Length && Mapped[i].Range.First <= range.Last; i++)
            yield return Mapped[i];
    }

    /// <summary>Index of the first mapping whose last byte is at or above an IOVA; the count where there is none.</summary>
    public int FirstEndingAtOrAfter(ulong iova)
    {
        int low = 0, high = Mapped.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = Mapped[middle].Range.Last < iova ? (middle + 1, high) : (low, middle);
        }
        return low;
    }

    public Domain Insert(Mapping mapping) =>
        this with { Mapped = Mapped.Insert(FirstEndingAtOrAfter(mapping.Range.First), mapping) };

    /// <summary>Takes the bytes of a range out of what is mapped; what is left of a mapping that is cut stays.</summary>
    public Domain Remove(AddressRange range)
    {
        int from = FirstEndingAtOrAfter(range.First);
        int to = from;
        while (to < Mapped.Length && Mapped[to].Range.First <= range.Last)
            to++;
        if (to == from)
            return this;
        ImmutableArray<Mapping>.Builder left = ImmutableArray.CreateBuilder<Mapping>(Mapped.Length + 1);
        left.AddRange(Mapped, from);
        if (Mapped[from].Range.First < range.First)
            left.Add(Mapped[from].Clip(new(0, range.First - 1)));
        if (Mapped[to - 1].Range.Last > range.Last)
            left.Add(Mapped[to - 1].Clip(new(range.Last + 1, ulong.MaxValue)));
        left.AddRange(Mapped.AsSpan()[to..]);
        return this with { Mapped = left.ToImmutable() };
    }

    /// <summary>Adds an earlier answer, once.</summary>
    public Domain Linger(Past past) => Lingering.Contains(past) ? this : this with { Lingering = Lingering.Add(past) };

    /// <summary>What is mapped, in bytes.</summary>
    public ulong MappedBytes()
    {
        ulong bytes = 0;
        foreach (Mapping mapping in Mapped)
            bytes += mapping.Range.Length;
        return bytes;
    }
}

/// <summary>A fault on its way to software.</summary>
/// <param name="Requester">Whose request faulted.</param>
/// <param name="Record">The bits that software will read.</param>
/// <param name="Certain">Whether it was recorded for sure: a stale context entry may or may not have suppressed it.</param>
/// <param name="Others">Other bits that it may have instead: where devices do not learn reasons, a cache may have given another one.</param>
public readonly record struct FaultEvent(ushort Requester, FaultRecord Record, bool Certain, ImmutableArray<FaultRecord> Others)
{
    /// <summary>Whether software may read it so.</summary>
    public bool MayBe(FaultRecord record) => record == Record || (!Others.IsDefault && Others.Contains(record));
}

/// <summary>Faults since software last drained the log, oldest first.</summary>
/// <param name="Events">What is recorded, or may be.</param>
/// <param name="Dropped">The rules by which others were not: FLT-2, FLT-3, FLT-4.</param>
public sealed record FaultLog(ImmutableArray<FaultEvent> Events, RuleSet Dropped = default)
{
    public static readonly FaultLog Empty = new([]);
}
