using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using IommuSpec;

namespace IommuHarness.Report;

/// <summary>Rules as text for a terminal.</summary>
public static class RulesText
{
    public static string Of(ImmutableArray<RuleEntry> rules)
    {
        StringBuilder text = new();
        foreach (RuleEntry rule in rules)
        {
            foreach (RuleSite site in rule.Sites)
            {
                text.Append(CultureInfo.InvariantCulture, $"{rule.Id.Text(),-7} {site.Sentence}\n");
                text.Append(CultureInfo.InvariantCulture, $"        source     {site.Source}\n");
                text.Append(CultureInfo.InvariantCulture, $"        written in {site.File}:{site.Line}\n");
            }

            Append(text, "allowed", rule.AllowedLitmus);
            Append(text, "forbidden", rule.ForbiddenLitmus);
            Append(text, "mutants", rule.Mutants);
            text.Append('\n');
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, string label, ImmutableArray<string> items)
    {
        foreach (string item in items)
        {
            text.Append(CultureInfo.InvariantCulture, $"        {label,-10} {item}\n");
            label = "";
        }
    }
}
