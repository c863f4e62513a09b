using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using IommuHarness.Report;
using IommuHarness.Shrink;
using IommuHarness.Targets;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Check;

/// <summary>From a divergence to the smallest history that shows it, and to the file that keeps it.</summary>
public static class Minimiser
{
    /// <summary>
    /// Shrinks the scenario of a diverging history and runs it once more. Where the target does not repeat the divergence, the history
    /// stays as it was seen.
    /// </summary>
    /// <param name="target">Whose answers they are.</param>
    /// <param name="where">Where it was found, in words.</param>
    /// <param name="case">Which generated case; null where it came from a file.</param>
    /// <param name="seen">What was asked and answered.</param>
    /// <param name="verdict">What the judge says of it.</param>
    /// <param name="shrink">Otherwise only what follows the divergence is left out.</param>
    public static Finding Minimise(ITarget target, string where, CaseId? @case, History seen, Verdict.Diverges verdict, bool shrink = true)
    {
        Scenario upTo = seen.Scenario with { Ops = seen.Scenario.Ops[..(verdict.Index + 1)] };
        Scenario small = shrink ? Shrinker.Shrink(upTo, target, verdict.Rule) : upTo;
        TargetRun run = TargetRun.Run(target, small);
        History again = new(small, run.Answers);
        if (Judge.Check(again) is Verdict.Diverges same && same.Rule == verdict.Rule)
            return Finding(where, @case, upTo, Cut(again, same), same, run.Crash, repeats: true);
        return Finding(where, @case, upTo, Cut(seen, verdict), verdict, null, repeats: false);
    }

    /// <summary>A finding as it was seen, where the target cannot be asked again.</summary>
    public static Finding Unrepeated(string where, History seen, Verdict.Diverges verdict) =>
        Finding(where, null, seen.Scenario, Cut(seen, verdict), verdict, null, repeats: false);

    /// <summary>The file that keeps a finding: a history whose verdict line names the rule. It says nothing about when and by whom
    /// it was found, so that the same finding is the same file.</summary>
    public static string FileText(History minimal, RuleId rule)
    {
        (string sentence, string source) = RuleText.Of(rule);
        return TraceText.Write(new TraceFile(
            [$"{rule.Text()}: {sentence}", $"source: {source}"],
            minimal.Scenario,
            minimal.Observations,
            new Expectation(false, rule)));
    }

    /// <summary>The rule and a hash of the history.</summary>
    public static string Signature(History minimal, RuleId rule)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(FileText(minimal, rule)));
        return $"{rule.Text()}-{Convert.ToHexStringLower(hash.AsSpan(0, 4))}";
    }

    // Up to the diverging answer; one that is missing is written as the hang that it was judged as.
    private static History Cut(History history, Verdict.Diverges verdict)
    {
        ImmutableArray<Observation> answers = history.Observations;
        if (answers.Length <= verdict.Index)
            answers = answers.Add(verdict.Seen);
        return new History(
            history.Scenario with { Ops = history.Scenario.Ops[..(verdict.Index + 1)] },
            answers[..(verdict.Index + 1)]);
    }

    private static Finding Finding(string where, CaseId? @case, Scenario original, History minimal, Verdict.Diverges verdict, Exception? crash, bool repeats)
    {
        return new Finding(where, @case, original, minimal, verdict, Signature(minimal, verdict.Rule), crash) { Repeats = repeats };
    }
}
