using System.Collections.Immutable;
using IommuSpec;

namespace IommuHarness.Check;

/// <summary>
/// States of the specification by value. Their records hold immutable arrays, which compare by reference; two states are equal here
/// where nothing that was kept of the past differs, so that everything that may follow is the same.
/// </summary>
public sealed class StateValues : IEqualityComparer<State>
{
    public static readonly StateValues Instance = new();

    private StateValues() { }

    public bool Equals(State? x, State? y) => ReferenceEquals(x, y) || (x is not null && y is not null && Same(x, y));

    // One multiplication and one exclusive or a value; the order counts.
    public int GetHashCode(State obj)
    {
        ulong hash = Mix(obj.FailureArmed ? 1UL : 0, (ulong)obj.Hardware.Now);
        foreach ((ulong slot, Domain domain) in obj.Domains.Entries)
            hash = Mix(Hash(domain), Mix(slot, hash));
        foreach ((ulong device, Attachment attachment) in obj.Attachments.Entries)
            hash = Mix((ulong)attachment.Kind << 32 | (uint)attachment.Domain, Mix(device, hash));
        foreach (FaultEvent fault in obj.Faults.Events)
            hash = Mix(fault.Record.High, hash);
        return (int)(Mix(Hash(obj.Hardware), hash) >> 32);
    }

    private static ulong Hash(Domain domain)
    {
        ulong hash = 0;
        foreach (Mapping mapping in domain.Mapped)
            hash = Mix(mapping.Range.First, Mix(mapping.Physical ^ (ulong)mapping.Rights, hash));
        foreach (Past past in domain.Lingering)
            hash = Mix(past.Range.First, Mix(past.Then?.Physical ?? 1, hash));
        return hash;
    }

    private static ulong Hash(Hardware hardware)
    {
        ulong hash = hardware.RootTable.Value ^ (hardware.Translating ? 1UL : 0);
        foreach (ContextFlush flush in hardware.ContextFlushes)
            hash = Mix((ulong)flush.Time, hash);
        foreach (IotlbFlush flush in hardware.IotlbFlushes)
            hash = Mix((ulong)flush.Time << 32 ^ flush.Command.DomainId ^ (ulong)flush.Command.Granularity << 16, hash);
        foreach ((ulong device, Programmed program) in hardware.Programs.Entries)
            hash = Mix(program.Root ^ program.DomainId, Mix(device, hash));
        foreach ((ulong physical, Word word) in hardware.Memory.Words())
            hash = Mix(physical, Mix(word.Value, Mix((ulong)word.Past.Length, hash)));
        return hash;
    }

    private static ulong Mix(ulong value, ulong hash)
    {
        ulong mixed = unchecked((hash ^ value) * 0x9e3779b97f4a7c15);
        return mixed ^ (mixed >> 29);
    }

    private static bool Same(State x, State y) =>
        x.FailureArmed == y.FailureArmed
        && Same(x.Attachments.Entries, y.Attachments.Entries)
        && x.Domains.Entries.AsSpan().SequenceEqual(y.Domains.Entries.AsSpan(), DomainValues.Instance)
        && Same(x.Faults.Events, y.Faults.Events)
        && x.Faults.Dropped == y.Faults.Dropped
        && x.Platform == y.Platform
        && Same(x.Hardware, y.Hardware);

    private static bool Same(Hardware x, Hardware y) =>
        ReferenceEquals(x, y)
        || (x.Now == y.Now
            && x.Translating == y.Translating
            && Same(x.RootTable, y.RootTable)
            && Same(x.Programs.Entries, y.Programs.Entries)
            && Same(x.ContextFlushes, y.ContextFlushes)
            && Same(x.IotlbFlushes, y.IotlbFlushes)
            && Same(x.UsedRoots, y.UsedRoots)
            && Same(x.Memory, y.Memory));

    private static bool Same(Memory x, Memory y)
    {
        using IEnumerator<(ulong Physical, Word Word)> others = y.Words().GetEnumerator();
        foreach ((ulong physical, Word word) in x.Words())
        {
            if (!others.MoveNext() || others.Current.Physical != physical || !Same(word, others.Current.Word))
                return false;
        }

        return !others.MoveNext();
    }

    private static bool Same(Word x, Word y) => x.Value == y.Value && x.Maybe == y.Maybe && Same(x.Past, y.Past);

    private static bool Same<T>(ImmutableArray<T> x, ImmutableArray<T> y)
        where T : IEquatable<T> => x.AsSpan().SequenceEqual(y.AsSpan());

    private sealed class DomainValues : IEqualityComparer<(ulong Slot, Domain Domain)>
    {
        public static readonly DomainValues Instance = new();

        public bool Equals((ulong Slot, Domain Domain) x, (ulong Slot, Domain Domain) y) =>
            x.Slot == y.Slot && (ReferenceEquals(x.Domain, y.Domain) || (Same(x.Domain.Mapped, y.Domain.Mapped) && Same(x.Domain.Lingering, y.Domain.Lingering)));

        public int GetHashCode((ulong Slot, Domain Domain) obj) => (int)Hash(obj.Domain);
    }
}
