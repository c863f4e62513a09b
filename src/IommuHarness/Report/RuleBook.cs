using System.Collections.Immutable;
using System.Reflection;
using System.Text;
using IommuHarness.Mutants;
using IommuSpec;

namespace IommuHarness.Report;

/// <summary>One place that is marked as a rule.</summary>
/// <param name="Sentence">What it says.</param>
/// <param name="Source">Document and section.</param>
/// <param name="File">Path relative to the repository, with forward slashes.</param>
/// <param name="Line">From 1.</param>
public sealed record RuleSite(string Sentence, string Source, string File, int Line);

/// <summary>Everything that is known about a rule.</summary>
/// <param name="Id">Which.</param>
/// <param name="Sites">Where it is written, in the order of file and line; the first says it best.</param>
/// <param name="AllowedLitmus">Litmus files whose verdict is "allowed" by it: paths relative to the repository.</param>
/// <param name="ForbiddenLitmus">Litmus files whose verdict is "forbidden" by it.</param>
/// <param name="Mutants">Names of the mutants that it has to kill.</param>
public sealed record RuleEntry(
    RuleId Id,
    ImmutableArray<RuleSite> Sites,
    ImmutableArray<string> AllowedLitmus,
    ImmutableArray<string> ForbiddenLitmus,
    ImmutableArray<string> Mutants);

/// <summary>The rules as the specification's attributes, the litmus files and the mutants tell them.</summary>
public static class RuleBook
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;

    /// <summary>Every rule, in the order of its id. Outside a repository (null) without litmus files and mutants.</summary>
    public static ImmutableArray<RuleEntry> Read(Repository? repository)
    {
        ILookup<RuleId, RuleSite> sites = Sites();
        ILookup<(RuleId Rule, bool Allowed), string> litmus = Litmus(repository);
        ILookup<RuleId, string> mutants = Mutants(repository);
        return
        [
            .. Enum.GetValues<RuleId>().Select(id => new RuleEntry(
                id,
                [.. sites[id].OrderBy(s => s.File, StringComparer.Ordinal).ThenBy(s => s.Line)],
                [.. litmus[(id, true)]],
                [.. litmus[(id, false)]],
                [.. mutants[id]])),
        ];
    }

    /// <summary>The page docs/rules.md.</summary>
    public static string Markdown(ImmutableArray<RuleEntry> rules)
    {
        StringBuilder page = new();
        page.Append("# Rules\n\nGenerated from the specification; `UPDATE_DOCS=1 dotnet test` writes it anew.\n");
        foreach (IGrouping<string, RuleEntry> family in rules.GroupBy(Family, StringComparer.Ordinal))
        {
            page.Append($"\n## {family.Key}\n");
            foreach (RuleEntry rule in family)
                Append(page, rule);
        }

        return page.ToString();
    }

    private static void Append(StringBuilder page, RuleEntry rule)
    {
        page.Append($"\n### {rule.Id.Text()}\n\n");
        foreach (RuleSite site in rule.Sites)
        {
            page.Append($"{Capitalised(site.Sentence)}.\n\n");
            page.Append($"- source: {site.Source}\n");
            page.Append($"- written in: [{site.File}:{site.Line}](../{site.File}#L{site.Line})\n");
        }

        AppendList(page, "allowed", rule.AllowedLitmus.Select(file => $"[{Path.GetFileName(file)}](../{file})"));
        AppendList(page, "forbidden", rule.ForbiddenLitmus.Select(file => $"[{Path.GetFileName(file)}](../{file})"));
        AppendList(page, "mutants", rule.Mutants.Select(name => $"[{name}](../mutants/{name}.patch)"));
    }

    private static void AppendList(StringBuilder page, string title, IEnumerable<string> items)
    {
        string line = string.Join(", ", items);
        if (line.Length > 0)
            page.Append($"- {title}: {line}\n");
    }

    private static string Family(RuleEntry rule) => rule.Id.Text().Split('-')[0];

    private static string Capitalised(string sentence) => char.ToUpperInvariant(sentence[0]) + sentence[1..].TrimEnd('.');

    private static ILookup<RuleId, RuleSite> Sites() =>
        typeof(Spec).Assembly.GetTypes()
            .SelectMany(type => type.GetMembers(Declared))
            .SelectMany(member => member.GetCustomAttributes<RuleAttribute>(inherit: false))
            .ToLookup(rule => rule.Id, rule => new RuleSite(rule.Sentence, rule.Source, Relative(rule.File), rule.Line));

    // The compiler notes where the file was on the machine that built it.
    private static string Relative(string path)
    {
        string file = path.Replace('\\', '/');
        int at = file.LastIndexOf("/src/", StringComparison.Ordinal);
        return at < 0 ? file : file[(at + 1)..];
    }

    private static ILookup<(RuleId Rule, bool Allowed), string> Litmus(Repository? repository) =>
        LitmusFiles(repository)
            .Select(file => (File: file, Verdict: File.ReadLines(Path.Combine(repository!.Root, file)).LastOrDefault(line => line.Length > 0) ?? ""))
            .SelectMany(litmus => Enum.GetValues<RuleId>()
                .Where(id => litmus.Verdict == $"verdict allowed {id.Text()}" || litmus.Verdict == $"verdict forbidden {id.Text()}")
                .Select(id => (Rule: id, Allowed: litmus.Verdict.StartsWith("verdict allowed", StringComparison.Ordinal), litmus.File)))
            .ToLookup(found => (found.Rule, found.Allowed), found => found.File);

    private static IEnumerable<string> LitmusFiles(Repository? repository)
    {
        string folder = repository is null ? "" : Path.Combine(repository.Root, "corpus", "litmus");
        return Directory.Exists(folder)
            ? Directory.EnumerateFiles(folder, "*.trace", SearchOption.AllDirectories)
                .Select(path => Path.GetRelativePath(repository!.Root, path).Replace('\\', '/'))
                .Order(StringComparer.Ordinal)
            : [];
    }

    private static ILookup<RuleId, string> Mutants(Repository? repository) =>
        (repository?.MutantNames() ?? [])
            .Select(name => repository!.ReadMutant(name))
            .SelectMany(patch => patch.Rules.Select(rule => (Rule: rule, patch.Name)))
            .ToLookup(pair => pair.Rule, pair => pair.Name);
}
