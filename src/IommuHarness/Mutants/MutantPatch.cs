using System.Collections.Immutable;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Mutants;

/// <summary>
/// A wrong-on-purpose variant of the implementation: a unified diff against its sources under a header of comment lines.
/// </summary>
/// <param name="Name">The file's name without <c>.patch</c>; the header repeats it.</param>
/// <param name="Source">The real bug it is taken from: id and title; for an equivalent variant what it resembles.</param>
/// <param name="Rules">The rules of which one must name it. None for an equivalent variant.</param>
/// <param name="Why">One line: what is wrong in it, or why it is not wrong.</param>
/// <param name="IsEquivalent">It behaves differently inside but keeps every rule, so that nothing may be said against it.</param>
/// <param name="File">Where it was read from, for messages.</param>
/// <param name="Hunks">The changes, in the order of the file.</param>
public sealed record MutantPatch(
    string Name,
    string Source,
    ImmutableArray<RuleId> Rules,
    string Why,
    bool IsEquivalent,
    string File,
    ImmutableArray<Hunk> Hunks)
{
    /// <summary>The changed sources. A path is relative to the repository, with forward slashes.</summary>
    /// <exception cref="InputException">A hunk does not fit: names the patch, the line of the hunk and the source file.</exception>
    public ImmutableSortedDictionary<string, string> Apply(ImmutableSortedDictionary<string, string> sources)
    {
        foreach (IGrouping<string, Hunk> file in Hunks.GroupBy(h => h.Path, StringComparer.Ordinal))
        {
            if (!sources.TryGetValue(file.Key, out string? before))
                throw new InputException(File, file.First().PatchLine, 0, "a source file of src/IommuImpl", file.Key);
            sources = sources.SetItem(file.Key, Apply(before, [.. file]));
        }

        return sources;
    }

    private string Apply(string before, ImmutableArray<Hunk> hunks)
    {
        List<string> lines = [.. before.Split('\n')];
        int shift = 0;
        foreach (Hunk hunk in hunks)
        {
            int at = Find(lines, hunk, hunk.FirstLine - 1 + shift);
            lines.RemoveRange(at, hunk.Before.Length);
            lines.InsertRange(at, hunk.After);
            shift = at - (hunk.FirstLine - 1) + hunk.After.Length - hunk.Before.Length;
        }

        return string.Join('\n', lines);
    }

    /// <summary>
    /// Where the hunk's lines stand: exactly where it says, or, because sources move, at the one other place that reads the
    /// same. Two such places would make the mutant a matter of luck, so they are an error.
    /// </summary>
    private int Find(List<string> lines, Hunk hunk, int expected)
    {
        if (Matches(lines, hunk.Before, expected))
            return expected;

        List<int> places = [.. Enumerable.Range(0, lines.Count).Where(at => Matches(lines, hunk.Before, at))];
        return places.Count == 1
            ? places[0]
            : throw new InputException(
                File,
                hunk.PatchLine,
                0,
                $"the lines of hunk {hunk.Index} once in {hunk.Path}",
                places.Count == 0 ? "them nowhere: the source has changed" : $"them in {places.Count} places: give more context");
    }

    private static bool Matches(List<string> lines, ImmutableArray<string> wanted, int at)
    {
        if (at < 0 || at + wanted.Length > lines.Count)
            return false;
        for (int i = 0; i < wanted.Length; i++)
        {
            if (lines[at + i] != wanted[i])
                return false;
        }

        return true;
    }
}

/// <summary>One hunk of a unified diff.</summary>
/// <param name="Path">The source file, relative to the repository, with forward slashes.</param>
/// <param name="Index">Its number in the patch, from 1.</param>
/// <param name="PatchLine">The line of its <c>@@</c> in the patch, from 1.</param>
/// <param name="FirstLine">The first line that it covers in the unchanged source, from 1.</param>
/// <param name="Before">The lines that must stand there: context and removed ones.</param>
/// <param name="After">The lines that stand there afterwards: context and added ones.</param>
public sealed record Hunk(
    string Path,
    int Index,
    int PatchLine,
    int FirstLine,
    ImmutableArray<string> Before,
    ImmutableArray<string> After);
