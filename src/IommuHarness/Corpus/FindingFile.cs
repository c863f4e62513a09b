using System.Collections.Immutable;
using IommuHarness.Check;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Corpus;

/// <summary>What a finding means to who uses the target, the gravest first.</summary>
public enum FindingKind
{
    /// <summary>An access is performed that the tables, or the absence of any, forbid.</summary>
    PermissionBypass,

    /// <summary>The target does not answer any more.</summary>
    Hang,

    /// <summary>The target ends itself.</summary>
    Abort,

    /// <summary>An access that is permitted goes elsewhere.</summary>
    WrongPlace,

    /// <summary>An answer is used that a command has ended.</summary>
    Stale,

    /// <summary>An access that is permitted is not performed.</summary>
    Denied,

    /// <summary>A fault is reported as another, not at all, or twice.</summary>
    FaultReport,

    Other,
}

/// <summary>How sure it is that the specification is right and the target wrong.</summary>
public enum Confidence
{
    /// <summary>The manual's text was read beside the history, and leaves no room.</summary>
    Confirmed,

    /// <summary>The text can be read otherwise, or says nothing.</summary>
    Doubtful,
}

/// <summary>
/// A finding that is kept: a file of corpus/findings. A history whose last answer is wrong, with a verdict line, and above
/// it notes, each of which may go on in lines that begin with <c>#   </c>:
/// <code>
/// # finding: what is wrong, in one sentence
/// # target: the target's name
/// # version: its version
/// # kind: permission-bypass, hang, abort, wrong-place, stale, denied, fault-report or other
/// # confidence: confirmed or doubtful
/// # why: why the specification is right, with document and section; one line or more
/// </code>
/// </summary>
/// <param name="Path">The file.</param>
/// <param name="Title">What is wrong.</param>
/// <param name="Target">The target's name.</param>
/// <param name="Version">The version that it was seen in.</param>
/// <param name="Kind">What it means.</param>
/// <param name="Confidence">How sure it is.</param>
/// <param name="Why">Why the specification is right, paragraph by paragraph.</param>
/// <param name="History">The minimal history.</param>
/// <param name="Verdict">What the judge says of it.</param>
public sealed record FindingFile(
    string Path, string Title, string Target, string Version, FindingKind Kind, Confidence Confidence, ImmutableArray<string> Why,
    History History, Verdict.Diverges Verdict)
{
    /// <summary>Reads a finding and judges it.</summary>
    /// <exception cref="InputException">The file is broken, a note is missing, or the history is not what the verdict line says.</exception>
    public static FindingFile Load(string path)
    {
        (History history, Verdict.Diverges verdict) = Judged(path);
        TraceNotes notes = TraceNotes.Read(File.ReadAllText(path), path, "finding", "target", "version", "kind", "confidence", "why+", "source");
        FindingKind kind = Word<FindingKind>(notes.Required("kind"), path);
        if ((kind == FindingKind.Abort) != (verdict.Seen is Observation.Crashed) || (kind == FindingKind.Hang) != (verdict.Seen is Observation.Hung))
        {
            throw new InputException(
                path, notes.Required("kind").Line, 9, $"the kind of a history that ends in \"{ObservationText.Write(verdict.Seen)}\"", Words<FindingKind>.Of(kind));
        }

        _ = notes.Required("why");
        return new(
            path,
            notes.Required("finding").Text,
            notes.Required("target").Text,
            notes.Required("version").Text,
            kind,
            Word<Confidence>(notes.Required("confidence"), path),
            [.. notes.All.Where(note => note.Key == "why").Select(note => note.Text)],
            history,
            verdict);
    }

    /// <summary>Reads a history that ends in a wrong answer and says by which rule.</summary>
    /// <exception cref="InputException">It is none.</exception>
    internal static (History History, Verdict.Diverges Verdict) Judged(string path)
    {
        TraceFile file = InputFiles.ReadTrace(path);
        if (file.Verdict is not { Allowed: false } claim || file.Observations is not { } answers)
            throw new InputException(path, 0, 0, "a history with a line \"verdict forbidden RULE\" at its end", "none");
        History history = new(file.Scenario, answers);
        return Judge.Check(history) is Verdict.Diverges verdict && verdict.Rule == claim.Rule && verdict.Index == answers.Length - 1
            ? (history, verdict)
            : throw new InputException(path, 0, 0, $"a history whose last answer breaks {claim.Rule.Text()}", "one that does not: judge it");
    }

    private static T Word<T>(TraceNote note, string path)
        where T : struct, Enum =>
        Words<T>.TryRead(note.Text, out T value)
            ? value
            : throw new InputException(path, note.Line, note.Key.Length + 5, $"{note.Key} to be {Words<T>.Known}", $"\"{note.Text}\"");
}
