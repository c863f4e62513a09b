using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using IommuHarness.Coverage;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Report;

/// <summary>One operation of a history, explained.</summary>
/// <param name="Index">From 0.</param>
/// <param name="Op">What was asked, as text.</param>
/// <param name="Before">The state that it was asked in, one line a fact.</param>
/// <param name="Allowed">What may be answered, one line a choice.</param>
/// <param name="Seen">What was answered, as text; null where the history ends before.</param>
/// <param name="Rules">The rules that allow the answer, or the one that forbids it.</param>
/// <param name="IsAllowed">Whether the answer is allowed; true for an unsupported operation, which is skipped.</param>
public sealed record ExplainedStep(
    int Index, string Op, ImmutableArray<string> Before, ImmutableArray<string> Allowed, string? Seen, ImmutableArray<RuleId> Rules, bool IsAllowed);

/// <summary>A history operation by operation: the state, what is allowed, the rule, what was seen.</summary>
public static class Explanation
{
    /// <summary>Explains up to the first answer that is not allowed.</summary>
    public static IEnumerable<ExplainedStep> Steps(History history)
    {
        State state = Spec.Start(history.Scenario.Platform);
        for (int i = 0; i < history.Scenario.Ops.Length; i++)
        {
            Op op = history.Scenario.Ops[i];
            Allowed allowed = Spec.Step(state, op);
            Observation? seen = i < history.Observations.Length ? history.Observations[i] : null;
            if (seen is Observation.Unsupported)
            {
                yield return new(i, OpText.Write(op), StateText.Lines(state), allowed.Describe(), Seen(seen), [], IsAllowed: true);
                continue;
            }

            Way? way = seen is null ? null : allowed.Match(seen);
            ImmutableArray<RuleId> rules = way is not null ? [.. way.Rules.Ids()] : seen is not null ? [Blame.Of(history.Scenario, history.Observations[..(i + 1)])] : [];
            yield return new(
                i, OpText.Write(op), StateText.Lines(state), allowed.Describe(), seen is null ? null : Seen(seen), rules, way is not null);
            if (way is null)
                yield break;
            state = way.Next;
        }
    }

    /// <summary>The steps as a person reads them.</summary>
    public static string Text(History history)
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"{PlatformText.Write(history.Scenario.Platform)}\n");
        foreach (ExplainedStep step in Steps(history))
            Append(text, step);
        return text.ToString();
    }

    /// <summary>An answer as text, with fault reasons in words.</summary>
    public static string Seen(Observation seen)
    {
        string text = ObservationText.Write(seen);
        if (seen is not Observation.Moved moved)
            return text;
        IEnumerable<string> reasons = moved.Pieces
            .Where(piece => piece.Outcome.Kind == OutcomeKind.Faulted)
            .Select(piece => piece.Outcome.Reason)
            .Distinct()
            .Select(reason => $"0x{reason:x}: {FaultReasons.Name(reason)}");
        string named = string.Join("; ", reasons);
        return named.Length == 0 ? text : $"{text}  ({named})";
    }

    private static void Append(StringBuilder text, ExplainedStep step)
    {
        text.Append(CultureInfo.InvariantCulture, $"\n{step.Index + 1,3}  {step.Op}\n");
        AppendLines(text, "state", step.Before);
        AppendLines(text, "allowed", step.Allowed);
        text.Append(CultureInfo.InvariantCulture, $"     seen     {step.Seen ?? "(the history ends here)"}{(step.IsAllowed || step.Seen is null ? "" : "   NOT ALLOWED")}\n");
        AppendLines(text, step.IsAllowed ? "rules" : "broken", [.. step.Rules.Select(rule => $"{rule.Text()}  {RuleText.Of(rule).Sentence}")]);
        if (!step.IsAllowed)
            AppendLines(text, "source", [.. step.Rules.Select(rule => RuleText.Of(rule).Source)]);
    }

    private static void AppendLines(StringBuilder text, string label, ImmutableArray<string> lines)
    {
        foreach (string line in lines)
        {
            text.Append(CultureInfo.InvariantCulture, $"     {label,-7}  {line}\n");
            label = "";
        }
    }
}
