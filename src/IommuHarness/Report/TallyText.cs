using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using IommuHarness.Coverage;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Report;

/// <summary>What a run exercised, as text.</summary>
public static class TallyText
{
    private const int ColumnCount = 3;

    public static string Of(Tally tally)
    {
        StringBuilder text = new();
        Append(text, tally);
        return text.ToString();
    }

    public static void Append(StringBuilder text, Tally tally)
    {
        AppendGrid(text, "operations", tally.Ops().Where(kind => kind.Count > 0).Select(kind => (kind.Kind, kind.Count)));
        AppendGrid(text, "unsupported, not judged", tally.Unsupported());
        AppendGrid(text, "refusals", tally.Refusals().Where(why => why.Count > 0).Select(why => (Words<Refusal>.Of(why.Why), why.Count)));
        AppendAccesses(text, tally);
        AppendRules(text, tally.Rules());
    }

    private static void AppendGrid(StringBuilder text, string title, IEnumerable<(string Name, long Count)> cells)
    {
        (string Name, long Count)[] all = [.. cells];
        if (all.Length == 0)
            return;
        text.Append(CultureInfo.InvariantCulture, $"\n  {title}\n");
        foreach ((string Name, long Count)[] row in all.Chunk(ColumnCount))
            text.Append("    ").AppendJoin("   ", row.Select(cell => string.Create(CultureInfo.InvariantCulture, $"{cell.Name,-17}{cell.Count,12:N0}"))).Append('\n');
    }

    private static void AppendAccesses(StringBuilder text, Tally tally)
    {
        long pieces = tally.LandedCount + tally.InterruptCount + tally.FaultCount;
        if (pieces == 0)
            return;
        text.Append(CultureInfo.InvariantCulture, $"\n  pieces of accesses: {tally.LandedCount:N0} landed, {tally.FaultCount:N0} faulted, {tally.InterruptCount:N0} were interrupts\n");
        text.Append(CultureInfo.InvariantCulture, $"  stale answers taken: {tally.StaleCount:N0}\n");
        if (tally.FaultCount == 0)
            return;
        text.Append("\n  faults\n");
        foreach ((byte reason, long count) in tally.Faults())
            text.Append(CultureInfo.InvariantCulture, $"    0x{reason:x2}  {FaultReasons.Name(reason),-48}{count,12:N0}\n");
    }

    private static void AppendRules(StringBuilder text, ImmutableArray<(RuleId Rule, long Count)> rules)
    {
        (RuleId Rule, long Count)[] used = [.. rules.Where(rule => rule.Count > 0)];
        text.Append(CultureInfo.InvariantCulture, $"\n  rules used: {used.Length} of {rules.Length}\n");
        foreach (IGrouping<string, (RuleId Rule, long Count)> family in used.GroupBy(rule => rule.Rule.Text().Split('-')[0], StringComparer.Ordinal))
        {
            foreach ((RuleId Rule, long Count)[] row in family.Chunk(4))
                text.Append("    ").AppendJoin("  ", row.Select(rule => string.Create(CultureInfo.InvariantCulture, $"{rule.Rule.Text(),-7}{rule.Count,11:N0}"))).Append('\n');
        }

        RuleId[] never = [.. rules.Where(rule => rule.Count == 0).Select(rule => rule.Rule)];
        if (never.Length > 0)
            text.Append("    never used: ").AppendJoin(", ", never.Select(rule => rule.Text())).Append('\n');
    }
}
