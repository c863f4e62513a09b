using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Report;

/// <summary>An explained history as JSON.</summary>
public static class ExplanationJson
{
    public static string Of(History history) => JsonText.Object(json =>
    {
        ExplainedStep[] steps = [.. Explanation.Steps(history)];
        json.WriteString("verdict", steps.All(step => step.IsAllowed || step.Seen is null) ? "conforms" : "diverges");
        json.WriteString("platform_line", PlatformText.Write(history.Scenario.Platform));
        json.Objects("steps", steps, (part, step) =>
        {
            part.WriteString("operation", step.Op);
            part.Strings("state", step.Before);
            part.Strings("allowed", step.Allowed);
            part.WriteString("seen", step.Seen);
            part.WriteBoolean("is_allowed", step.IsAllowed);
            part.Objects("rules", step.Rules, (one, rule) => one.Rule(rule));
        });
    });
}
