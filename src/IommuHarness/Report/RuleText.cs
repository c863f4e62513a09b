using System.Collections.Frozen;
using System.Reflection;
using IommuSpec;

namespace IommuHarness.Report;

/// <summary>What a rule says and where that comes from, for reports.</summary>
public static class RuleText
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;

    private static readonly FrozenDictionary<RuleId, (string Sentence, string Source)> Texts =
        typeof(Spec).Assembly.GetTypes()
            .SelectMany(type => type.GetMembers(Declared))
            .SelectMany(member => member.GetCustomAttributes<RuleAttribute>(inherit: false))
            .GroupBy(rule => rule.Id)
            .ToFrozenDictionary(
                same => same.Key,
                same => same.OrderBy(rule => rule.File, StringComparer.Ordinal).ThenBy(rule => rule.Line).Select(rule => (rule.Sentence, rule.Source)).First());

    /// <summary>The sentence and the source (document and section) of a rule.</summary>
    public static (string Sentence, string Source) Of(RuleId rule) =>
        Texts.TryGetValue(rule, out (string, string) text) ? text : ("(no rule is marked with this id)", "(none)");
}
