using System.Collections.Immutable;
using IommuSpec;

namespace IommuHarness.Report;

/// <summary>Rules as JSON.</summary>
public static class RulesJson
{
    public static string Of(ImmutableArray<RuleEntry> rules) => JsonText.Object(json => json.Objects("rules", rules, (part, rule) =>
    {
        part.WriteString("rule", rule.Id.Text());
        part.Objects("sites", rule.Sites, (one, site) =>
        {
            one.WriteString("sentence", site.Sentence);
            one.WriteString("source", site.Source);
            one.WriteString("file", site.File);
            one.WriteNumber("line", site.Line);
        });
        part.Strings("allowed_litmus", rule.AllowedLitmus);
        part.Strings("forbidden_litmus", rule.ForbiddenLitmus);
        part.Strings("mutants", rule.Mutants);
    }));
}
