using System.Collections.Immutable;
using IommuSpec;

namespace IommuHarness.Generate;

/// <summary>What a scenario is made of: a few operations that belong together. Each level of the language has its own form of each.</summary>
public enum Phrase : byte
{
    /// <summary>Something new that a device can reach.</summary>
    Build,

    /// <summary>Equal to, next to or across something earlier.</summary>
    Reuse,

    /// <summary>The core: warm, change, invalidate or not, probe.</summary>
    Change,

    /// <summary>Page sizes: parts of large pages, small pages that fill one; in raw tables, structures that break one rule or two.</summary>
    Shape,

    /// <summary>Accesses at and round what is or was there.</summary>
    Probe,

    /// <summary>Faults, more than the log holds at times, and the log read.</summary>
    Faults,

    /// <summary>An allocation that fails in the middle of something.</summary>
    Injection,

    /// <summary>Questions: look-ups, memory, what is held.</summary>
    Ask,

    /// <summary>Devices move between domains, tables, contexts, registers.</summary>
    Move,

    /// <summary>Any operation with any argument.</summary>
    Wild,
}

/// <summary>How often a scenario has which phrase, how long it is, and where its addresses lie.</summary>
/// <param name="Name">What it is asked for by.</param>
/// <param name="Purpose">One line for people.</param>
/// <param name="Needs">Where it makes sense.</param>
/// <param name="Share">How often a case without a profile of its own takes this one, relative to the others.</param>
/// <param name="Weights">One for each <see cref="Phrase"/>, in its order. Each case varies them and leaves some out.</param>
/// <param name="ShortestOps">Operations, at least about so many.</param>
/// <param name="LongestOps">Operations, at most about so many.</param>
/// <param name="EdgePercent">Of a hundred address choices, how many take a boundary.</param>
/// <param name="LargePercent">Of a hundred mappings, how many fit large pages.</param>
public sealed record Profile(
    string Name, string Purpose, ProfileNeeds Needs, int Share, ImmutableArray<int> Weights,
    int ShortestOps, int LongestOps, int EdgePercent, int LargePercent)
{
    /// <summary>Whether the profile is about something that the platform has.</summary>
    public bool Fits(Platform platform) => Needs switch
    {
        ProfileNeeds.Allocations => platform.Contexts == ContextMode.Software,
        ProfileNeeds.RawTables => platform.Contexts != ContextMode.Software,
        ProfileNeeds.RawContexts => platform.Contexts == ContextMode.VtdLegacy,
        _ => true,
    };
}

/// <summary>What a platform must have for a profile to make sense.</summary>
public enum ProfileNeeds : byte
{
    Nothing,

    /// <summary>Map and unmap, which allocate.</summary>
    Allocations,

    /// <summary>Tables that are words of memory.</summary>
    RawTables,

    /// <summary>Root and context entries that are words of memory.</summary>
    RawContexts,
}

/// <summary>The profiles.</summary>
public static class Profiles
{
    /// <summary>All of them; the first is what a person means who names none.</summary>
    public static readonly ImmutableArray<Profile> All =
    [
        // weights: build reuse change shape probe faults inject ask move wild; then shortest, longest, edges, large
        new("mixed", "a little of everything", ProfileNeeds.Nothing, 8,
            [8, 5, 10, 4, 8, 2, 1, 3, 3, 2], 3, 24, 20, 20),
        new("change", "warm, change, invalidate or not, probe", ProfileNeeds.Nothing, 6,
            [4, 3, 20, 2, 6, 0, 0, 1, 2, 0], 6, 30, 8, 15),
        new("boundaries", "addresses where a width ends", ProfileNeeds.Nothing, 3,
            [9, 5, 4, 1, 10, 0, 0, 2, 1, 3], 2, 16, 85, 25),
        new("superpages", "page sizes, cut and filled", ProfileNeeds.Nothing, 3,
            [5, 4, 6, 12, 7, 0, 1, 2, 0, 0], 4, 24, 15, 80),
        new("faults", "the fault log overflows", ProfileNeeds.Nothing, 2,
            [3, 1, 2, 3, 4, 12, 0, 1, 2, 1], 4, 30, 15, 10),
        new("injection", "allocations fail", ProfileNeeds.Allocations, 2,
            [5, 3, 4, 2, 5, 0, 14, 4, 1, 0], 4, 24, 15, 25),
        new("long", "hundreds of operations on next to nothing", ProfileNeeds.Nothing, 0,
            [6, 6, 10, 4, 8, 4, 1, 2, 3, 2], 150, 500, 10, 20),
        new("tables", "raw entries, bit by bit", ProfileNeeds.RawTables, 6,
            [3, 2, 14, 8, 6, 1, 0, 4, 1, 1], 8, 50, 15, 30),
        new("contexts", "root and context entries, registers", ProfileNeeds.RawContexts, 6,
            [2, 1, 4, 4, 5, 2, 0, 2, 14, 1], 8, 50, 15, 15),
        new("wild", "any operation with any argument", ProfileNeeds.Nothing, 1,
            [3, 1, 1, 0, 2, 1, 1, 1, 1, 12], 1, 40, 40, 10),
    ];

    /// <summary>The profile of long runs, which are taken by number of cases rather than by share: they cost a hundred others.</summary>
    internal static readonly Profile Long = Find("long")!;

    /// <summary>One case in so many is a long run.</summary>
    internal const int LongOneIn = 256;

    /// <summary>The profile of that name; null where there is none.</summary>
    public static Profile? Find(string name)
    {
        foreach (Profile row in All)
        {
            if (row.Name == name)
                return row;
        }

        return null;
    }
}
