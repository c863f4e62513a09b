using System.Collections.Frozen;
using IommuSpec;

namespace IommuHarness.Report;

/// <summary>What a rule says and where that comes from, for reports.</summary>
public static class RuleText
{
    private static readonly FrozenDictionary<RuleId, (string Sentence, string Source)> Texts = RuleBook.Read(null)
        .Where(rule => !rule.Sites.IsEmpty)
        .ToFrozenDictionary(rule => rule.Id, rule => (rule.Sites[0].Sentence, rule.Sites[0].Source));

    /// <summary>The sentence and the source (document and section) of a rule.</summary>
    public static (string Sentence, string Source) Of(RuleId rule) =>
        Texts.TryGetValue(rule, out (string, string) text) ? text : ("(no place is marked with this rule)", "(none)");
}
