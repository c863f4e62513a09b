using System.Globalization;
using System.Text;
using IommuHarness.Check;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Report;

/// <summary>A divergence as a person reads it: what was asked, what came, what should have, which rule says so.</summary>
public static class Story
{
    /// <summary>A finding in full.</summary>
    /// <param name="finding">What was found.</param>
    /// <param name="target">The target's name.</param>
    /// <param name="file">Where its history was written; null where it was not.</param>
    /// <param name="command">How this program was started, for the line that repeats the finding.</param>
    public static string Of(Finding finding, string target, string? file, string command)
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"DIVERGENCE {finding.Signature}\n");
        AppendRule(text, finding.Verdict.Rule);
        text.Append(CultureInfo.InvariantCulture, $"  found    {Where(finding, target)}\n\n");
        AppendHistory(text, finding.Minimal, finding.Verdict);
        if (!finding.Repeats)
            text.Append("\n  caution  asked again, the target did not break this rule: it answers the same scenario in different ways\n");
        if (finding.Crash is { } crash)
            text.Append(CultureInfo.InvariantCulture, $"\n  died of  {crash.GetType().Name}: {OneLine(crash.Message)}\n");
        if (file is not null)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n  file     {file}\n");
            text.Append(CultureInfo.InvariantCulture, $"  repeat   {Repeat(file, target, command)}\n");
        }

        return text.ToString();
    }

    /// <summary>The command that shows the divergence of a written file again.</summary>
    public static string Repeat(string file, string target, string command) =>
        $"{command} replay {Quoted(file)}{(target == "impl" ? "" : " --target " + Quoted(target))}";

    /// <summary>A diverging history that is not the product of a run: a file that was judged or replayed.</summary>
    public static string Of(History history, Verdict.Diverges verdict)
    {
        StringBuilder text = new();
        AppendRule(text, verdict.Rule);
        text.Append('\n');
        AppendHistory(text, history, verdict);
        return text.ToString();
    }

    private static string Where(Finding finding, string target)
    {
        string sizes = finding.Original.Ops.Length == finding.Minimal.Scenario.Ops.Length
            ? $"{finding.Minimal.Scenario.Ops.Length} operations"
            : $"{finding.Original.Ops.Length} operations, shrunk to {finding.Minimal.Scenario.Ops.Length}";
        return $"target {target}, {finding.Where} ({sizes})";
    }

    private static void AppendRule(StringBuilder text, RuleId rule)
    {
        (string sentence, string source) = RuleText.Of(rule);
        text.Append(CultureInfo.InvariantCulture, $"  rule     {rule.Text()}: {sentence}\n");
        text.Append(CultureInfo.InvariantCulture, $"  source   {source}\n");
    }

    private static void AppendHistory(StringBuilder text, History history, Verdict.Diverges verdict)
    {
        text.Append(CultureInfo.InvariantCulture, $"  {PlatformText.Write(history.Scenario.Platform)}\n");
        for (int i = 0; i < verdict.Index; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"  {i + 1,3}  {OpText.Write(history.Scenario.Ops[i])}\n");
            text.Append(CultureInfo.InvariantCulture, $"         = {ObservationText.Write(history.Observations[i])}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"  {verdict.Index + 1,3}  {OpText.Write(verdict.Op)}\n");
        text.Append(CultureInfo.InvariantCulture, $"         seen     {Explanation.Seen(verdict.Seen)}\n");
        string label = "allowed";
        foreach (string way in verdict.Allowed.Describe())
        {
            text.Append(CultureInfo.InvariantCulture, $"         {label,-7}  {way}\n");
            label = "or";
        }
    }

    private static string Quoted(string word) => word.All(c => char.IsAsciiLetterOrDigit(c) || "-_./:+=,".Contains(c)) && word.Length > 0
        ? word
        : "'" + word.Replace("'", "'\\''", StringComparison.Ordinal) + "'";

    private static string OneLine(string message) => message.ReplaceLineEndings(" ");
}
