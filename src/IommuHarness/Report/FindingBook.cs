using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using IommuHarness.Corpus;
using IommuHarness.Mutants;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Report;

/// <summary>The page docs/findings.md: what was found in released software, from the files of corpus/findings.</summary>
public static class FindingBook
{
    private const string Folder = "corpus/findings";

    /// <summary>Every kept finding, the gravest first, then by target and file.</summary>
    /// <exception cref="InputException">A file is broken.</exception>
    public static ImmutableArray<FindingFile> Read(Repository repository)
    {
        string folder = Path.Combine(repository.Root, Folder);
        return !Directory.Exists(folder)
            ? []
            :
            [
                .. Directory.EnumerateFiles(folder, "*.trace", SearchOption.AllDirectories)
                    .Select(FindingFile.Load)
                    .OrderBy(finding => finding.Kind)
                    .ThenBy(finding => finding.Target, StringComparer.Ordinal)
                    .ThenBy(finding => finding.Path, StringComparer.Ordinal),
            ];
    }

    /// <summary>The page.</summary>
    public static string Markdown(ImmutableArray<FindingFile> findings, Repository repository)
    {
        StringBuilder page = new();
        page.Append("# Findings\n\nWhat the harness found in released software. Generated from `corpus/findings`; `UPDATE_DOCS=1 dotnet test` writes it anew.\n");
        page.Append("How a finding gets there: [targets.md](targets.md#keeping-a-finding).\n");
        if (findings.IsEmpty)
            page.Append("\nNone is kept yet.\n");
        else
            AppendContents(page, findings);
        int number = 0;
        foreach (IGrouping<FindingKind, FindingFile> kind in findings.GroupBy(finding => finding.Kind))
        {
            page.Append(CultureInfo.InvariantCulture, $"\n## {Title(kind.Key)}\n");
            foreach (FindingFile finding in kind)
                Append(page, ++number, finding, repository);
        }

        return page.ToString();
    }

    private static void AppendContents(StringBuilder page, ImmutableArray<FindingFile> findings)
    {
        page.Append("\n| | target | what | rule | confidence |\n|---|---|---|---|---|\n");
        for (int i = 0; i < findings.Length; i++)
        {
            FindingFile finding = findings[i];
            page.Append(CultureInfo.InvariantCulture, $"| {i + 1} | `{finding.Target}` | {finding.Title.Replace("|", "\\|", StringComparison.Ordinal)} | {finding.Verdict.Rule.Text()} | {Words<Confidence>.Of(finding.Confidence)} |\n");
        }
    }

    private static void Append(StringBuilder page, int number, FindingFile finding, Repository repository)
    {
        string file = Path.GetRelativePath(repository.Root, finding.Path).Replace('\\', '/');
        (string sentence, string source) = RuleText.Of(finding.Verdict.Rule);
        page.Append(CultureInfo.InvariantCulture, $"\n### {number}. {finding.Title}\n\n");
        page.Append(CultureInfo.InvariantCulture, $"- target: `{finding.Target}`, {finding.Version}\n");
        page.Append(CultureInfo.InvariantCulture, $"- rule: {finding.Verdict.Rule.Text()}, {sentence}\n");
        page.Append(CultureInfo.InvariantCulture, $"- source: {source}\n");
        page.Append(CultureInfo.InvariantCulture, $"- confidence: {Words<Confidence>.Of(finding.Confidence)}\n");
        page.Append(CultureInfo.InvariantCulture, $"- repeat: `./verify replay {file} --target {finding.Target}`\n\n");
        foreach (string paragraph in finding.Why)
            page.Append(paragraph).Append("\n\n");
        AppendHistory(page, finding);
    }

    private static void AppendHistory(StringBuilder page, FindingFile finding)
    {
        page.Append(CultureInfo.InvariantCulture, $"    {PlatformText.Write(finding.History.Scenario.Platform)}\n");
        for (int i = 0; i < finding.History.Observations.Length; i++)
        {
            page.Append(CultureInfo.InvariantCulture, $"    {OpText.Write(finding.History.Scenario.Ops[i])}\n");
            if (i < finding.Verdict.Index)
                page.Append(CultureInfo.InvariantCulture, $"      = {ObservationText.Write(finding.History.Observations[i])}\n");
        }

        page.Append(CultureInfo.InvariantCulture, $"      seen      {Explanation.Seen(finding.Verdict.Seen)}\n");
        string label = "expected";
        foreach (string way in finding.Verdict.Allowed.Describe())
        {
            page.Append(CultureInfo.InvariantCulture, $"      {label,-8}  {way}\n");
            label = "or";
        }
    }

    private static string Title(FindingKind kind) => kind switch
    {
        FindingKind.PermissionBypass => "Permission bypasses",
        FindingKind.Hang => "Hangs",
        FindingKind.Abort => "Aborts",
        FindingKind.WrongPlace => "Accesses that go elsewhere",
        FindingKind.Stale => "Answers used after their end",
        FindingKind.Denied => "Permitted accesses not performed",
        FindingKind.FaultReport => "Faults reported wrongly",
        _ => "Others",
    };
}
