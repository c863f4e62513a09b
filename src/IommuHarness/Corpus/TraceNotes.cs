using System.Collections.Immutable;
using IommuHarness.Trace;

namespace IommuHarness.Corpus;

/// <summary>One note: a comment line above a trace that says something about it.</summary>
/// <param name="Key">What it is about.</param>
/// <param name="Text">What it says, on one line; not empty.</param>
/// <param name="Line">Where it begins, from 1.</param>
public sealed record TraceNote(string Key, string Text, int Line);

/// <summary>
/// The comment lines above a trace as notes: <c># KEY: TEXT</c>, where TEXT goes on in the lines that follow and begin with two
/// more blanks, <c>#   TEXT</c>. A key is lower-case letters; lines with other keys (the rule's, which check writes) are no notes.
/// </summary>
public sealed record TraceNotes(string FileName, ImmutableArray<TraceNote> All)
{
    /// <summary>Reads the notes of a trace.</summary>
    /// <param name="text">The whole file.</param>
    /// <param name="fileName">For messages.</param>
    /// <param name="keys">The keys that there are; those of them that end in + may come more than once.</param>
    /// <exception cref="InputException">A comment line is neither a note nor the continuation of one, or a key is not one of those or comes twice.</exception>
    public static TraceNotes Read(string text, string fileName, params IReadOnlyList<string> keys)
    {
        ImmutableArray<TraceNote>.Builder notes = ImmutableArray.CreateBuilder<TraceNote>();
        bool isOfNote = false;
        string[] lines = text.Split('\n');
        for (int i = 0; i < lines.Length && lines[i].StartsWith('#'); i++)
        {
            string line = lines[i].TrimEnd();
            if (line.StartsWith("#   ", StringComparison.Ordinal))
            {
                if (isOfNote)
                    notes[^1] = notes[^1] with { Text = $"{notes[^1].Text} {line[4..].Trim()}" };
                continue;
            }

            int colon = line.IndexOf(": ", StringComparison.Ordinal);
            if (!line.StartsWith("# ", StringComparison.Ordinal) || colon < 0)
                throw new InputException(fileName, i + 1, Math.Min(3, line.Length + 1), "a note (# KEY: TEXT)", $"\"{line}\"");
            string key = line[2..colon];
            isOfNote = key.All(char.IsAsciiLetterLower);
            if (isOfNote)
                notes.Add(Note(fileName, i + 1, key, line[(colon + 2)..].Trim(), keys, notes));
        }

        return new(fileName, notes.DrainToImmutable());
    }

    /// <summary>The note of a key.</summary>
    /// <exception cref="InputException">There is none.</exception>
    public TraceNote Required(string key) => Find(key) ?? throw new InputException(FileName, 1, 1, $"a line \"# {key}: …\" above the trace", "none");

    /// <summary>The note of a key; null where there is none.</summary>
    public TraceNote? Find(string key) => All.FirstOrDefault(note => note.Key == key);

    private static TraceNote Note(
        string fileName, int line, string key, string text, IReadOnlyList<string> keys, IReadOnlyList<TraceNote> before)
    {
        bool mayRepeat = keys.Contains(key + "+");
        if (!mayRepeat && !keys.Contains(key))
            throw new InputException(fileName, line, 3, $"a note about {string.Join(", ", keys.Select(known => known.TrimEnd('+')))}", $"\"{key}\"");
        if (!mayRepeat && before.Any(note => note.Key == key))
            throw new InputException(fileName, line, 3, $"one line \"# {key}: …\"", "a second one");
        return text.Length > 0 ? new(key, text, line) : throw new InputException(fileName, line, key.Length + 5, $"a text behind \"{key}: \"", "nothing");
    }
}
