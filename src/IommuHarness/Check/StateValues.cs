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
        foreach (Domain domain in obj.Domains)
            hash = Mix(Hash(domain), hash);
        foreach (Attachment attachment in obj.Attachments)
            hash = Mix((ulong)attachment.Kind << 32 | (uint)attachment.Domain, hash);
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
        foreach (Programmed program in hardware.Programs)
            hash = Mix(program.Root ^ program.DomainId, hash);
        // Words come in an order that is the dictionary's own: a sum does not see it.
        ulong words = 0;
        foreach ((ulong physical, Word word) in hardware.Memory)
            words = unchecked(words + Mix(physical, Mix(word.Value, (ulong)word.Past.Length)));
        return Mix(words, hash);
    }

    private static ulong Mix(ulong value, ulong hash)
    {
        ulong mixed = unchecked((hash ^ value) * 0x9e3779b97f4a7c15);
        return mixed ^ (mixed >> 29);
    }

    private static bool Same(State x, State y) =>
        x.FailureArmed == y.FailureArmed
        && Same(x.Attachments, y.Attachments)
        && x.Domains.AsSpan().SequenceEqual(y.Domains.AsSpan(), DomainValues.Instance)
        && Same(x.Faults.Events, y.Faults.Events)
        && x.Faults.Dropped == y.Faults.Dropped
        && x.Platform == y.Platform
        && Same(x.Hardware, y.Hardware);

    private static bool Same(Hardware x, Hardware y) =>
        ReferenceEquals(x, y)
        || (x.Now == y.Now
            && x.Translating == y.Translating
            && Same(x.RootTable, y.RootTable)
            && Same(x.Programs, y.Programs)
            && Same(x.ContextFlushes, y.ContextFlushes)
            && Same(x.IotlbFlushes, y.IotlbFlushes)
            && Same(x.UsedRoots, y.UsedRoots)
            && Same(x.Memory, y.Memory));

    private static bool Same(ImmutableDictionary<ulong, Word> x, ImmutableDictionary<ulong, Word> y)
    {
        if (ReferenceEquals(x, y))
            return true;
        if (x.Count != y.Count)
            return false;
        foreach ((ulong physical, Word word) in x)
        {
            if (!y.TryGetValue(physical, out Word other) || !Same(word, other))
                return false;
        }

        return true;
    }

    private static bool Same(Word x, Word y) => x.Value == y.Value && x.Maybe == y.Maybe && Same(x.Past, y.Past);

    private static bool Same<T>(ImmutableArray<T> x, ImmutableArray<T> y)
        where T : IEquatable<T> => x.AsSpan().SequenceEqual(y.AsSpan());

    private sealed class DomainValues : IEqualityComparer<Domain>
    {
        public static readonly DomainValues Instance = new();

        public bool Equals(Domain? x, Domain? y) =>
            ReferenceEquals(x, y) || (x is not null && y is not null && Same(x.Mapped, y.Mapped) && Same(x.Lingering, y.Lingering));

        public int GetHashCode(Domain obj) => (int)Hash(obj);
    }
}
