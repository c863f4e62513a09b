using System.Collections.Immutable;
using System.Text;
using IommuSpec;

namespace IommuHarness.Trace;

/// <summary>
/// Scenarios, histories and litmus tests as text: a header, a platform, one operation a line, each answer below its operation
/// behind an equals sign, and for a litmus test a verdict at the end.
/// </summary>
public static class TraceText
{
    private const string Magic = "iommu-trace";
    private const string Version = "1";

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The canonical text: equal files give equal texts.</summary>
    /// <exception cref="ArgumentException">
    /// The file has more observations than operations, a verdict without observations, a comment of more than one line, or a
    /// platform that is not legal.
    /// </exception>
    public static string Write(TraceFile file)
    {
        ImmutableArray<Observation> seen = file.Observations ?? [];
        if (seen.Length > file.Scenario.Ops.Length)
            throw new ArgumentException("more observations than operations", nameof(file));
        if (file.Verdict is not null && seen.IsEmpty)
            throw new ArgumentException("a verdict without a history", nameof(file));

        StringBuilder text = new();
        foreach (string comment in file.Comments)
            text.Append(WriteComment(comment)).Append('\n');
        text.Append($"{Magic} {Version}\n");
        text.Append(PlatformText.Write(file.Scenario.Platform)).Append('\n');
        for (int i = 0; i < file.Scenario.Ops.Length; i++)
        {
            text.Append(OpText.Write(file.Scenario.Ops[i])).Append('\n');
            if (i < seen.Length)
                text.Append("  = ").Append(ObservationText.Write(seen[i])).Append('\n');
        }

        if (file.Verdict is { } verdict)
            text.Append($"verdict {(verdict.Allowed ? "allowed" : "forbidden")} {verdict.Rule.Text()}\n");
        return text.ToString();
    }

    /// <summary>The canonical text of a scenario alone.</summary>
    public static string Write(Scenario scenario) => Write(new TraceFile([], scenario, null, null));

    /// <summary>The canonical text of a history.</summary>
    public static string Write(History history) => Write(new TraceFile([], history.Scenario, history.Observations, null));

    /// <summary>Reads a trace.</summary>
    /// <param name="text">All of it.</param>
    /// <param name="fileName">For messages.</param>
    /// <exception cref="InputException">It is not a trace.</exception>
    public static TraceFile Read(string text, string fileName) => new TraceReader(fileName, text).Read();

    /// <summary>Reads a trace from a file of UTF-8.</summary>
    /// <exception cref="InputException">It cannot be read, or it is not a trace.</exception>
    public static TraceFile Load(string path)
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException(path, 0, 0, "a file", "nothing of that name");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException(path, 0, 0, "a file that can be read", e.Message);
        }

        return Read(Decode(bytes, path), path);
    }

    private static string Decode(byte[] bytes, string path)
    {
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            int line = 1 + bytes.AsSpan(0, e.Index).Count((byte)'\n');
            throw new InputException(path, line, 0, "UTF-8 text", "bytes that are not");
        }
    }

    private static string WriteComment(string comment)
    {
        if (comment.Contains('\n', StringComparison.Ordinal))
            throw new ArgumentException($"a comment of more than one line: {comment}");
        return $"# {comment}".TrimEnd(' ', '\t', '\r');
    }

    /// <summary>Reads one text; used once.</summary>
    private sealed class TraceReader(string fileName, string text)
    {
        private readonly string[] lines = text.TrimStart('\uFEFF').Split('\n');
        private readonly ImmutableArray<string>.Builder comments = ImmutableArray.CreateBuilder<string>();
        private readonly ImmutableArray<Op>.Builder ops = ImmutableArray.CreateBuilder<Op>();
        private readonly ImmutableArray<Observation>.Builder seen = ImmutableArray.CreateBuilder<Observation>();
        private Expectation? verdict;
        private int index;

        public TraceFile Read()
        {
            ReadHeader(NextLine(comments) ?? throw Ended($"the header \"{Magic} {Version}\""));
            Platform platform = PlatformText.Read(NextLine(comments) ?? throw Ended("a platform line (platform FORMAT PROPERTY=VALUE…)"));
            while (NextLine(null) is { } line)
                ReadLine(line);
            Scenario scenario = new(platform, ops.DrainToImmutable());
            return new(comments.DrainToImmutable(), scenario, seen.Count == 0 ? null : seen.DrainToImmutable(), verdict);
        }

        /// <summary>The next line that says something; null at the end of the text. Comment lines before it go to <paramref name="kept"/>.</summary>
        private Cursor? NextLine(ImmutableArray<string>.Builder? kept)
        {
            while (index < lines.Length)
            {
                string line = lines[index++];
                string bare = line.Trim(' ', '\t', '\r');
                if (bare.StartsWith('#'))
                    kept?.Add(bare.StartsWith("# ", StringComparison.Ordinal) ? bare[2..] : bare[1..]);
                else if (bare.Length > 0)
                    return new(fileName, index, line);
            }

            return null;
        }

        private static void ReadHeader(Cursor c)
        {
            Token magic = c.Next();
            if (magic.Text != Magic)
                throw c.Error($"the header \"{Magic} {Version}\"", magic);
            Token version = c.Next();
            if (version.Text != Version)
                throw c.Error($"version {Version}, the only one there is", version);
            c.End();
        }

        private void ReadLine(Cursor c)
        {
            Token first = c.Peek();
            if (verdict is not null)
                throw c.Error("nothing after the verdict", first);
            if (c.Take("="))
                ReadAnswer(c, first);
            else if (c.Take("verdict"))
                ReadVerdict(c, first);
            else
                ops.Add(OpText.Read(c));
        }

        private void ReadAnswer(Cursor c, Token first)
        {
            if (ops.Count == 0)
                throw c.Error("an operation before its answer", first);
            if (seen.Count == ops.Count)
                throw c.Error("one answer to an operation", first);
            if (seen.Count < ops.Count - 1)
                throw c.Error($"no more answers, as operation {seen.Count + 1} has none", first);
            seen.Add(ObservationText.Read(c));
        }

        private void ReadVerdict(Cursor c, Token first)
        {
            if (seen.Count == 0)
                throw c.Error("answers (=) before the verdict", first);
            Token word = c.Next();
            if (word.Text is not ("allowed" or "forbidden"))
                throw c.Error("allowed or forbidden", word);
            verdict = new(word.Text == "allowed", ReadRule(c));
            c.End();
        }

        private static RuleId ReadRule(Cursor c)
        {
            Token token = c.Next();
            foreach (RuleId rule in Enum.GetValues<RuleId>())
            {
                if (rule.Text() == token.Text)
                    return rule;
            }

            throw c.Error("a rule, such as MAP-1 (iommu-verify rules lists them)", token);
        }

        private InputException Ended(string expected) => new(fileName, lines.Length, 1, expected, "the end of the file");
    }
}
