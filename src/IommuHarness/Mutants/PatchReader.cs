using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Mutants;

/// <summary>
/// Reads a mutant: <c># name: value</c> lines (<c>name</c>, <c>source</c>, <c>rule</c>, <c>why</c>, and <c>equivalent: yes</c>),
/// then a unified diff with paths that start with <c>a/</c> and <c>b/</c>.
/// </summary>
public static partial class PatchReader
{
    /// <exception cref="InputException">The text is not a mutant: says where and what was expected.</exception>
    public static MutantPatch Read(string text, string fileName)
    {
        string[] lines = text.Split('\n');
        int bodyStart = Array.FindIndex(lines, line => !line.StartsWith('#'));
        Dictionary<string, string> header = ReadHeader(lines[..Math.Max(bodyStart, 0)], fileName);
        string name = Wanted(header, "name", fileName);
        if (name != Path.GetFileNameWithoutExtension(fileName))
            throw new InputException(fileName, 1, 0, $"# name: {Path.GetFileNameWithoutExtension(fileName)}", name);

        bool isEquivalent = header.GetValueOrDefault("equivalent") == "yes";
        return new(
            name,
            Wanted(header, "source", fileName),
            isEquivalent ? [] : ReadRules(Wanted(header, "rule", fileName), fileName),
            Wanted(header, "why", fileName),
            isEquivalent,
            fileName,
            ReadHunks(lines, bodyStart, fileName));
    }

    private static Dictionary<string, string> ReadHeader(string[] lines, string fileName)
    {
        Dictionary<string, string> header = new(StringComparer.Ordinal);
        for (int i = 0; i < lines.Length; i++)
        {
            Match field = HeaderLine().Match(lines[i]);
            if (!field.Success || !header.TryAdd(field.Groups[1].Value, field.Groups[2].Value))
                throw new InputException(fileName, i + 1, 1, "# name|source|rule|why|equivalent: text, each once", lines[i]);
        }

        return header;
    }

    private static string Wanted(Dictionary<string, string> header, string field, string fileName) =>
        header.TryGetValue(field, out string? value)
            ? value
            : throw new InputException(fileName, 1, 0, $"a header line '# {field}: …'", "none");

    private static ImmutableArray<RuleId> ReadRules(string text, string fileName) =>
        [.. text.Split(',', StringSplitOptions.TrimEntries).Select(word => ReadRule(word, fileName))];

    private static RuleId ReadRule(string word, string fileName)
    {
        foreach (RuleId id in Enum.GetValues<RuleId>())
        {
            if (id.Text() == word)
                return id;
        }

        throw new InputException(fileName, 1, 0, "the id of a rule (such as MAP-1)", word);
    }

    private static ImmutableArray<Hunk> ReadHunks(string[] lines, int start, string fileName)
    {
        ImmutableArray<Hunk>.Builder hunks = ImmutableArray.CreateBuilder<Hunk>();
        string? path = null;
        int i = Math.Max(start, 0);
        while (i < lines.Length)
        {
            if (lines[i].StartsWith("+++ b/", StringComparison.Ordinal))
                path = lines[i++]["+++ b/".Length..].TrimEnd();
            else if (lines[i].StartsWith("@@", StringComparison.Ordinal) && path is not null)
                hunks.Add(ReadHunk(lines, ref i, path, hunks.Count + 1, fileName));
            else if (lines[i].Length == 0 || lines[i].StartsWith("--- ", StringComparison.Ordinal))
                i++;
            else
                throw new InputException(fileName, i + 1, 1, "'--- a/FILE', '+++ b/FILE' or '@@ … @@'", lines[i]);
        }

        return hunks.Count > 0
            ? hunks.ToImmutable()
            : throw new InputException(fileName, lines.Length, 0, "a unified diff with at least one hunk", "the end of the file");
    }

    private static Hunk ReadHunk(string[] lines, ref int i, string path, int index, string fileName)
    {
        int patchLine = i + 1;
        Match range = HunkLine().Match(lines[i]);
        if (!range.Success)
            throw new InputException(fileName, patchLine, 1, "@@ -LINE,COUNT +LINE,COUNT @@", lines[i]);
        int beforeCount = Count(range.Groups[2]);
        int afterCount = Count(range.Groups[4]);
        ImmutableArray<string>.Builder before = ImmutableArray.CreateBuilder<string>(beforeCount);
        ImmutableArray<string>.Builder after = ImmutableArray.CreateBuilder<string>(afterCount);
        i++;
        while (before.Count < beforeCount || after.Count < afterCount)
        {
            // An editor may have cut the blank off an empty line of context.
            string line = i < lines.Length ? lines[i] : "";
            string rest = line.Length == 0 ? "" : line[1..];
            char kind = line.Length == 0 ? ' ' : line[0];
            if (i >= lines.Length || kind is not (' ' or '-' or '+'))
                throw new InputException(fileName, i + 1, 1, "a line of the hunk, beginning with a blank, '-' or '+'", line);
            if (kind != '+')
                before.Add(rest);
            if (kind != '-')
                after.Add(rest);
            i++;
        }

        return before.Count == beforeCount && after.Count == afterCount
            ? new(path, index, patchLine, Count(range.Groups[1]), before.ToImmutable(), after.ToImmutable())
            : throw new InputException(fileName, patchLine, 1, "as many lines in the hunk as its header counts", lines[patchLine - 1]);
    }

    private static int Count(Group number) => number.Success ? int.Parse(number.Value, CultureInfo.InvariantCulture) : 1;

    [GeneratedRegex("^# (name|source|rule|why|equivalent): (.*\\S)\\s*$")]
    private static partial Regex HeaderLine();

    [GeneratedRegex(@"^@@ -(\d{1,6})(?:,(\d{1,4}))? \+(\d{1,6})(?:,(\d{1,4}))? @@")]
    private static partial Regex HunkLine();
}
