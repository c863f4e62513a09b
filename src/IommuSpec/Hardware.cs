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
    public static readonly Word Zero = new(0, 0, []);

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

    /// <summary>Times of the stores since a time, from which the values before each can be read.</summary>
    public bool ChangedSince(long time) => Past.Length > 0 && Past[^1].Until > time;
}

/// <summary>An invalidation command.</summary>
public readonly record struct ContextFlush(long Time, Op.FlushContexts Command);

/// <summary>An invalidation command.</summary>
public readonly record struct IotlbFlush(long Time, Op.FlushIotlb Command);

/// <summary>Root tables that requests of a domain id have been translated through.</summary>
/// <param name="DomainId">The tag of what was cached meanwhile.</param>
/// <param name="Root">Physical address of the root table.</param>
/// <param name="LevelCount">Its levels.</param>
/// <param name="Last">The time of the last such request.</param>
public readonly record struct UsedRoot(ushort DomainId, ulong Root, int LevelCount, long Last);

/// <summary>Which tables a device uses, where the program operation says so.</summary>
public readonly record struct Programmed(bool Present, ulong Root, ushort DomainId);

/// <summary>Memory and registers, with as much of their past as caches may remember.</summary>
/// <param name="Now">Operations so far: the clock.</param>
/// <param name="Memory">Words that were ever stored, by physical address; the others hold 0.</param>
/// <param name="RootTable">VT-d's root-table address register.</param>
/// <param name="Translating">VT-d's GSTS.TES.</param>
/// <param name="Programs">By device slot.</param>
/// <param name="ContextFlushes">Oldest first.</param>
/// <param name="IotlbFlushes">Oldest first.</param>
/// <param name="UsedRoots">In order of first use.</param>
public sealed record Hardware(
    long Now,
    ImmutableDictionary<ulong, Word> Memory,
    Word RootTable,
    bool Translating,
    ImmutableArray<Programmed> Programs,
    ImmutableArray<ContextFlush> ContextFlushes,
    ImmutableArray<IotlbFlush> IotlbFlushes,
    ImmutableArray<UsedRoot> UsedRoots)
{
    public static readonly Hardware Start =
        new(0, ImmutableDictionary<ulong, Word>.Empty, Word.Zero, false, [], [], [], []);

    public Word Read(ulong physical) => Memory.GetValueOrDefault(physical, Word.Zero);

    public Hardware Store(ulong physical, ulong value) =>
        this with { Memory = Memory.SetItem(physical, Read(physical).Store(value, Now)) };

    public Programmed Program(int device) => device < Programs.Length ? Programs[device] : default;

    public Hardware With(int device, Programmed program)
    {
        ImmutableArray<Programmed> programs = Programs;
        while (programs.Length <= device)
            programs = programs.Add(default);
        return this with { Programs = programs.SetItem(device, program) };
    }

    public Hardware Use(ushort domainId, ulong root, int levelCount)
    {
        UsedRoot used = new(domainId, root, levelCount, Now);
        int index = UsedRoots.FirstIndex(u => u.DomainId == domainId && u.Root == root && u.LevelCount == levelCount);
        return this with { UsedRoots = index < 0 ? UsedRoots.Add(used) : UsedRoots.SetItem(index, used) };
    }
}

internal static class ImmutableArrayExtensions
{
    /// <summary>Index of the first item that satisfies a test; -1 where there is none.</summary>
    public static int FirstIndex<T>(this ImmutableArray<T> items, Func<T, bool> test)
    {
        for (int i = 0; i < items.Length; i++)
        {
            if (test(items[i]))
                return i;
        }
        return -1;
    }
}
