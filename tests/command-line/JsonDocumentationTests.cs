using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace IommuVerify.Tests.CommandLine;

/// <summary>docs/cli.md and what the verbs print as JSON: the same fields with the same types, none missing on either side.</summary>
public sealed partial class JsonDocumentationTests
{
    private const string ForbiddenLitmus = "corpus/litmus/INV-2-forbidden-stale-after-covering-invalidation.trace";
    private const string Capture = "corpus/captures/intel-legacy-7.3.json";
    private const string Calls = "corpus/captures/intel-legacy-7.3.calls";
    private const string Mutant = "invalidation-end-is-exclusive";

    private static readonly Dictionary<string, Dictionary<string, string>> Documented = ReadDocumentation();

    [Fact]
    public void Of_check() => Holds(
        Fields("check").Concat(Under("exercised.", "exercised")).Concat(Under("findings[].", "findings")),
        ["check", "--cases", "62", "--platform", "kernel-ss4,kernel-fs4", "--profile", "mixed", "--known", KnownFile()],
        ["check", "--cases", "3000", "--platform", "kernel-ss4", "--target", "mutant:" + Mutant, "--output", CommandLine.NewFolder()],
        ["check", "--cases", "3000", "--profile", "change", "--platform", "kernel-ss4", "--target", "mutant:" + Mutant, "--output", CommandLine.NewFolder()]);

    private static string KnownFile()
    {
        string file = Path.Combine(CommandLine.NewFolder(), "known.trace");
        File.WriteAllText(file, "# note: a line of a test\n" + File.ReadAllText(CommandLine.PathOf(ForbiddenLitmus)));
        return file;
    }

    [Fact]
    public void Of_check_exhaustive() => Holds(
        Fields("check --exhaustive").Concat(Under("exercised.", "exercised"))
            .Concat(Under("findings[].", "findings").Where(field => !field.Key.StartsWith("findings[].case.", StringComparison.Ordinal))),
        ["check", "--exhaustive", "2", "--platform", "kernel-ss4,raw-fs4"],
        ["check", "--exhaustive", "3", "--platform", "kernel-ss4", "--target", "mutant:" + Mutant, "--output", CommandLine.NewFolder()]);

    [Fact]
    public void Of_replay_and_judge() => Holds(
        Fields("replay and judge").Concat(Under("exercised.", "exercised")).Concat(Under("files[].divergence.", "findings").Where(field => IsOfDivergence(field.Key))),
        ["replay", "corpus/litmus"],
        ["replay", ForbiddenLitmus, "--target", "file:" + ForbiddenLitmus],
        ["judge", "corpus/litmus"]);

    [Fact]
    public void Of_shrink() => Holds(
        Fields("shrink").Concat(Under("finding.", "findings").Where(field => !field.Key.StartsWith("finding.case.", StringComparison.Ordinal))),
        ["shrink", ForbiddenLitmus],
        ["shrink", "corpus/litmus/INV-2-forbidden-last-page-left-out.trace", "--target", "mutant:" + Mutant, "--output", CommandLine.NewFolder()]);

    [Fact]
    public void Of_explain() => Holds(Fields("explain"), ["explain", ForbiddenLitmus]);

    [Fact]
    public void Of_rules() => Holds(Fields("rules"), ["rules"]);

    [Fact]
    public void Of_walk()
    {
        string device = JsonDocument.Parse(CommandLine.Run("walk", Capture, "--format", "json").Output)
            .RootElement.GetProperty("devices").EnumerateArray()
            .First(one => one.GetProperty("mapped").GetString() != "0x0").GetProperty("device").GetString()!;
        Dictionary<string, string> all = Documented["walk"];
        IEnumerable<KeyValuePair<string, string>> devices = all.Where(field => field.Key.StartsWith("device.", StringComparison.Ordinal))
            .Select(field => KeyValuePair.Create("devices[]." + field.Key["device.".Length..], field.Value));
        IEnumerable<KeyValuePair<string, string>> write = all.Where(field => field.Key.StartsWith("read.", StringComparison.Ordinal))
            .Select(field => KeyValuePair.Create("write." + field.Key["read.".Length..], field.Value));
        Holds(
            all.Concat(devices).Concat(write),
            ["walk", Capture],
            ["walk", Capture, "--device", device],
            ["walk", Capture, "--device", device, "--iova", "0x1000"]);
    }

    [Fact]
    public void Of_judge_with_recorded_calls() => Holds(
        Fields("judge with recorded calls").Where(field => !field.Key.StartsWith("divergences[].", StringComparison.Ordinal)), ["judge", Calls]);

    [Fact]
    public void Of_replay_with_recorded_calls() => Holds(
        Fields("replay with recorded calls").Where(field => !field.Key.StartsWith("refused[].", StringComparison.Ordinal)), ["replay", Calls]);

    [Fact]
    public void Of_mutants() => Holds(
        Fields("mutants").Concat(Fields("mutants").Where(field => field.Key.Contains("named_kill.", StringComparison.Ordinal))
            .Select(field => KeyValuePair.Create(field.Key.Replace("named_kill", "first_kill", StringComparison.Ordinal), field.Value))),
        ["mutants", Mutant]);

    private static Dictionary<string, string> Fields(string section) => Documented[section];

    private static IEnumerable<KeyValuePair<string, string>> Under(string prefix, string section) =>
        Documented[section].Select(field => KeyValuePair.Create(prefix + field.Key, field.Value));

    private static bool IsOfDivergence(string path) => DivergenceField().IsMatch(path);

    /// <summary>Every field that the runs print is documented with its type, and every documented field is printed by one of them.</summary>
    private static void Holds(IEnumerable<KeyValuePair<string, string>> documented, params string[][] runs)
    {
        Dictionary<string, string> fields = new(documented);
        HashSet<string> seen = [];
        foreach (string[] run in runs)
        {
            Ended ended = CommandLine.Run([.. run, "--format", "json"]);
            Assert.True(ended.ExitCode is 0 or 1, ended.Errors);
            foreach ((string path, string type) in Flatten("", JsonDocument.Parse(ended.Output).RootElement))
            {
                string? field = fields.ContainsKey(path) ? path : fields.Keys.FirstOrDefault(key => key.EndsWith(".*", StringComparison.Ordinal) && path.StartsWith(key[..^1], StringComparison.Ordinal));
                if (field is null && (path.EndsWith("[]", StringComparison.Ordinal) || fields.Keys.Any(key => key.StartsWith(path + ".", StringComparison.Ordinal))))
                    continue;
                Assert.True(field is not null, $"{string.Join(' ', run)}: {path} ({type}) is not documented");
                Assert.True(fields[field].Split(" or ").Contains(type), $"{path} is documented as {fields[field]} and is {type}");
                seen.Add(field);
            }
        }

        string[] neverPrinted =
            [.. fields.Keys.Except(seen).Where(field => fields.Keys.All(other => !other.StartsWith(field + ".", StringComparison.Ordinal)) && !IsRare(field))];
        Assert.Equal([], neverPrinted);
    }

    // What healthy files and targets never show.
    private static bool IsRare(string field) => field.StartsWith("corpus.broken_litmus[].", StringComparison.Ordinal)
        || field.StartsWith("died_once[].", StringComparison.Ordinal)
        || field.EndsWith("unsupported.*", StringComparison.Ordinal);

    private static IEnumerable<(string Path, string Type)> Flatten(string path, JsonElement element)
    {
        if (path.Length > 0)
            yield return (path, Type(element));
        IEnumerable<(string Path, JsonElement Value)> parts = element.ValueKind switch
        {
            JsonValueKind.Object => element.EnumerateObject().Select(part => (path.Length == 0 ? part.Name : $"{path}.{part.Name}", part.Value)),
            JsonValueKind.Array => element.EnumerateArray().Select(part => (path + "[]", part)),
            _ => [],
        };
        foreach ((string Path, JsonElement Value) part in parts)
        {
            foreach ((string, string) inner in Flatten(part.Path, part.Value))
                yield return inner;
        }
    }

    private static string Type(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.True or JsonValueKind.False => "boolean",
        JsonValueKind kind => kind.ToString().ToLowerInvariant(),
    };

    /// <summary>The tables below the headings "JSON of …": field to type.</summary>
    private static Dictionary<string, Dictionary<string, string>> ReadDocumentation()
    {
        Dictionary<string, Dictionary<string, string>> sections = [];
        Dictionary<string, string>? section = null;
        foreach (string line in File.ReadLines(CommandLine.PathOf("docs", "cli.md")))
        {
            if (line.StartsWith('#'))
                section = Heading().Match(line) is { Success: true } heading ? sections[heading.Groups[1].Value] = [] : null;
            else if (section is not null && Row().Match(line) is { Success: true } row)
                section.Add(row.Groups[1].Value, row.Groups[2].Value);
        }

        return sections;
    }

    [GeneratedRegex(@"^### JSON of (.+)$")]
    private static partial Regex Heading();

    [GeneratedRegex(@"^\| `([^`]+)` \| ([a-z ]+) \|")]
    private static partial Regex Row();

    [GeneratedRegex(@"divergence\.(rule|sentence|source|platform_line|operation|seen|allowed|history)($|\[)")]
    private static partial Regex DivergenceField();
}
