using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using IommuHarness.Check;
using IommuHarness.Coverage;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Report;

/// <summary>The summary of a check as a person reads it: the verdict first, then what it rests on.</summary>
public static class CheckText
{
    private const int StoryCount = 3;

    public static string Of(CheckReport report, string command)
    {
        StringBuilder text = new();
        AppendFindings(text, report.Findings, report.Target, command);
        AppendVerdict(text, report);
        AppendBroken(text, report);
        TallyText.Append(text, report.Exercised());
        return text.ToString();
    }

    // The first few in full; a target that is wrong everywhere would bury its own report otherwise.
    internal static void AppendFindings(StringBuilder text, ImmutableArray<KeptFinding> findings, string target, string command)
    {
        ImmutableArray<KeptFinding> shortestFirst =
        [
            .. findings
                .GroupBy(kept => kept.Finding.Verdict.Rule)
                .Select(same => same.MinBy(kept => kept.Finding.Minimal.Scenario.Ops.Length)!)
                .Take(StoryCount),
        ];
        foreach (KeptFinding kept in shortestFirst)
            text.Append(Story.Of(kept.Finding, target, kept.File, command)).Append('\n');
        foreach (KeptFinding kept in findings.Except(shortestFirst))
        {
            text.Append(CultureInfo.InvariantCulture, $"DIVERGENCE {kept.Finding.Signature}  {kept.Finding.Where}\n");
            text.Append(CultureInfo.InvariantCulture, $"  repeat   {kept.Repeat}\n\n");
        }
    }

    private static void AppendVerdict(StringBuilder text, CheckReport report)
    {
        AppendVerdict(text, report.Target, report.Conforms, report.Findings, report.Generated.Cancelled);
        AppendCorpus(text, report.Corpus);
        AppendCaptures(text, report.Captures);
        AppendGenerated(text, report);
    }

    internal static void AppendVerdict(StringBuilder text, string target, bool conforms, ImmutableArray<KeptFinding> findings, bool cancelled)
    {
        string rules = string.Join(", ", findings.Select(kept => kept.Finding.Verdict.Rule).Distinct().Order().Select(rule => rule.Text()));
        string verdict = conforms ? "conforms" : findings.IsEmpty ? "DIVERGES" : $"DIVERGES: {rules}";
        text.Append(CultureInfo.InvariantCulture, $"{target} {verdict}{(cancelled ? "  (stopped early)" : "")}\n\n");
    }

    private static void AppendCorpus(StringBuilder text, CorpusResult? corpus)
    {
        if (corpus is null)
        {
            text.Append("  corpus     none here: run inside the repository to replay it\n");
            return;
        }

        string skipped = corpus.SkippedCount == 0 ? "" : $", {corpus.SkippedCount} of other platforms skipped";
        text.Append(CultureInfo.InvariantCulture, $"  corpus     {corpus.LitmusCount} litmus files judged, {corpus.ReplayedCount} scenarios replayed{skipped}\n");
        foreach (TraceResult broken in corpus.BrokenLitmus)
            text.Append(CultureInfo.InvariantCulture, $"             LITMUS {broken.File} {broken.Contradiction ?? "does not conform"}\n");
    }

    private static void AppendCaptures(StringBuilder text, CaptureReport? captures)
    {
        if (captures is null)
            return;
        text.Append(CultureInfo.InvariantCulture, $"  captures   {captures.CaptureCount} memory images, {captures.DeviceCount} devices: {captures.AddressCount:N0} addresses, ");
        text.Append(CultureInfo.InvariantCulture, $"{captures.CorruptionCount:N0} corrupted tables; {(captures.IsGood ? "all walkers agree" : "WALKERS DISAGREE")}\n");
        foreach (string disagreement in captures.Disagreements)
            text.Append(CultureInfo.InvariantCulture, $"             {disagreement}\n");
    }

    private static void AppendGenerated(StringBuilder text, CheckReport report)
    {
        CheckResult generated = report.Generated;
        Tally total = generated.Total();
        int played = generated.Platforms.Count(platform => !platform.Skipped);
        text.Append(CultureInfo.InvariantCulture, $"  generated  {total.CaseCount:N0} cases, {total.OpCount:N0} operations on {played} platforms in {Numbers.Seconds(generated.Elapsed)} (seed {report.Seed})\n");
        text.Append(CultureInfo.InvariantCulture, $"  speed      {Numbers.PerSecond(total.OpCount, generated.Elapsed):N0} operations a second, {Numbers.PerSecond(total.CaseCount, generated.Elapsed):N0} cases a second, on one core\n\n");

        text.Append(CultureInfo.InvariantCulture, $"  {"platform",-26}{"cases",12}{"operations",14}{"a second",12}\n");
        foreach (PlatformResult platform in generated.Platforms)
            text.Append(CultureInfo.InvariantCulture, $"  {platform.Platform.Name,-26}{Row(platform)}\n");
    }

    private static void AppendBroken(StringBuilder text, CheckReport report)
    {
        if (!report.Rules.IsEmpty)
            text.Append(CultureInfo.InvariantCulture, $"\n  {"rule broken",-26}{"cases",12}{"findings",14}\n");
        foreach (RuleHits hits in report.Rules)
            text.Append(CultureInfo.InvariantCulture, $"  {hits.Rule.Text(),-26}{hits.CaseCount,12:N0}{hits.FindingCount,14:N0}\n");
        AppendKnown(text, report.Known);
        foreach (DiedOnce once in report.DiedOnce)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n  {ObservationText.Write(once.How)} once and not again: {once.Where}");
            text.Append(once.Crash is { } crash ? $": {crash.Message.ReplaceLineEndings(" ")}\n" : "\n");
        }
    }

    private static void AppendKnown(StringBuilder text, KnownDeviations? known)
    {
        if (known is null)
            return;
        text.Append(CultureInfo.InvariantCulture, $"\n  known deviations: {Count(KnownState.SeenAgain)} seen again, {Count(KnownState.Gone)} gone, {Count(KnownState.NotPlayed)} of platforms that were not played\n");
        foreach (KnownDeviation one in known.All.Where(one => one.State != KnownState.NotPlayed))
        {
            string state = one.State == KnownState.SeenAgain ? "again" : "GONE ";
            string now = one is { State: KnownState.Gone, Now: { } rule } ? $"  (its reproducer breaks {rule.Text()} now)" : "";
            text.Append(CultureInfo.InvariantCulture, $"    {state}  {one.Rule.Text(),-7} {one.File}: {one.Note}{now}\n");
        }

        int Count(KnownState state) => known.All.Count(one => one.State == state);
    }

    private static string Row(PlatformResult platform)
    {
        if (platform.Skipped)
            return "not played by this target";
        Tally tally = platform.Tally;
        string row = string.Create(
            CultureInfo.InvariantCulture, $"{tally.CaseCount,12:N0}{tally.OpCount,14:N0}{Numbers.PerSecond(tally.OpCount, platform.Elapsed),12:N0}");
        if (platform.DivergingCount > 0)
            row += string.Create(CultureInfo.InvariantCulture, $"  {platform.DivergingCount:N0} diverge{(platform.First is { } finding ? ": " + finding.Signature : "")}");
        return platform.GaveUp ? row + "  given up: hung too often" : row;
    }
}
