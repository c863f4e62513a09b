using System.Collections.Immutable;

namespace IommuSpec;

/// <summary>A value that a word of memory held until software stored another.</summary>
/// <param name="Value">The value, with every bit that hardware may have set in it.</param>
/// <param name="Until">The time of the store that replaced it.</param>
public readonly record struct Held(ulong Value, long Until);

/// <summary>A 64-bit word of memory, now and before.</summary>
/// <param name="Value">What it holds now, as far as it is certain.</param>
/// <param name="Maybe">Accessed and dirty bits that hardware may have set since: a cached entry would have spared it.</param>
/// <param name="Past">Earlier values, oldest first.</param>
public readonly record struct Word(ulong Value, ulong Maybe, ImmutableArray<Held> Past)
{
    /// <summary>Until when the present value is held.</summary>
    public const long StillHeld = long.MaxValue;

    public static readonly Word Zero = new(0, 0, []);

    /// <summary>Its values, oldest first; the last one, after all of <see cref="Past"/>, is the present one.</summary>
    public Held ValueAt(int index) => index < Past.Length ? Past[index] : new(Value | Maybe, StillHeld);

    public Word Store(ulong value, long now) =>
        value == Value && Maybe == 0 ? this : new(value, 0, Past.Add(new(Value | Maybe, now)));

    /// <summary>What it held just after the operation at a time.</summary>
    public ulong At(long time)
    {
        foreach (Held held in Past)
        {
            if (held.Until > time)
                return held.Value;
        }
        return Value | Maybe;
    }

}

/// <summary>An invalidation command.</summary>
public readonly record struct ContextFlush(long Time, Op.FlushContexts Command);

/// <summary>An invalidation command.</summary>
public readonly record struct IotlbFlush(long Time, Op.FlushIotlb Command);

/// <summary>Root tables that requests of a domain id have been translated through.</summary>
/// <param name="DomainId">The tag of what was cached meanwhile.</param>
/// <param name="Root">Physical address of the root table.</param>
/// <param name="LevelCount">Its levels.</param>
/// <param name="Last">The time of the first such request since the last IOTLB command.</param>
public readonly record struct UsedRoot(ushort DomainId, ulong Root, int LevelCount, long Last);

/// <summary>Which tables a device uses, where the program operation says so.</summary>
public readonly record struct Programmed(bool Present, ulong Root, ushort DomainId);

/// <summary>Memory and registers, with as much of their past as caches may remember.</summary>
/// <param name="Now">The time of the latest event: a store, a command, a first use of a root table. Only what is dated moves it.</param>
/// <param name="Memory">Words, by physical address.</param>
/// <param name="RootTable">VT-d's root-table address register.</param>
/// <param name="Translating">VT-d's GSTS.TES.</param>
/// <param name="Programs">By device slot.</param>
/// <param name="ContextFlushes">Oldest first.</param>
/// <param name="IotlbFlushes">Oldest first.</param>
/// <param name="UsedRoots">In order of first use.</param>
public sealed record Hardware(
    long Now,
    Memory Memory,
    Word RootTable,
    bool Translating,
    Sparse<Programmed> Programs,
    ImmutableArray<ContextFlush> ContextFlushes,
    ImmutableArray<IotlbFlush> IotlbFlushes,
    ImmutableArray<UsedRoot> UsedRoots)
{
    public static readonly Hardware Start =
        new(0, default, Word.Zero, false, default, [], [], []);

    public Word Read(ulong physical) => Memory[physical];

    public Hardware Store(ulong physical, ulong value) =>
        this with { Now = Now + 1, Memory = Memory.With(physical, Read(physical).Store(value, Now + 1)) };

    /// <summary>Hardware sets bits of a word, some for certain, some perhaps.</summary>
    public Hardware SetBits(ulong physical, ulong certain, ulong possible)
    {
        Word word = Read(physical);
        Word then = word with { Value = word.Value | certain, Maybe = (word.Maybe | possible) & ~(word.Value | certain) };
        return (then.Value, then.Maybe) == (word.Value, word.Maybe) ? this : this with { Memory = Memory.With(physical, then) };
    }

    public Hardware StoreRootTable(ulong physical) => this with { Now = Now + 1, RootTable = RootTable.Store(physical, Now + 1) };

    public Hardware Flush(Op.FlushContexts command) => this with { Now = Now + 1, ContextFlushes = ContextFlushes.Add(new(Now + 1, command)) };

    public Hardware Flush(Op.FlushIotlb command) => this with { Now = Now + 1, IotlbFlushes = IotlbFlushes.Add(new(Now + 1, command)) };

    public Programmed Program(int device) => Programs.Get((ulong)device, default);

    public Hardware With(int device, Programmed program) => this with { Programs = program.Present ? Programs.With((ulong)device, program) : Programs.Without((ulong)device) };

    /// <summary>Takes note of a use. Between two commands only the first is dated: no command tells it from later ones.</summary>
    public Hardware Use(ushort domainId, ulong root, int levelCount)
    {
        UsedRoot used = new(domainId, root, levelCount, Now + 1);
        for (int i = 0; i < UsedRoots.Length; i++)
        {
            if (UsedRoots[i] with { Last = used.Last } == used)
                return UsedRoots[i].Last > LastIotlbFlush ? this : this with { Now = used.Last, UsedRoots = UsedRoots.SetItem(i, used) };
        }
        return this with { Now = used.Last, UsedRoots = UsedRoots.Add(used) };
    }

    private long LastIotlbFlush => IotlbFlushes.IsEmpty ? 0 : IotlbFlushes[^1].Time;
}
