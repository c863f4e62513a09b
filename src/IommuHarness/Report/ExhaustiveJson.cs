namespace IommuHarness.Report;

/// <summary>The summary of an exhaustive run as JSON.</summary>
public static class ExhaustiveJson
{
    public static string Of(ExhaustiveReport report) => JsonText.Object(json =>
    {
        json.WriteString("verdict", report.Conforms ? "conforms" : "diverges");
        json.WriteString("target", report.Target);
        json.WriteBoolean("stopped_early", report.Result.Cancelled);
        json.WriteNumber("length", report.Result.Length);
        json.WriteNumber("scenarios", report.ScenarioCount);
        json.WriteNumber("operations", report.OpCount);
        json.WriteNumber("states", report.StateCount);
        json.Seconds("seconds", report.Result.Elapsed);
        json.Objects("platforms", report.Result.Platforms, (part, platform) =>
        {
            part.WriteString("name", platform.Platform.Name);
            part.WriteBoolean("played", !platform.Skipped);
            part.WriteNumber("scenes", platform.Universe.Scenes.Length);
            part.WriteNumber("alphabet", platform.Universe.Ops.Length);
            part.WriteNumber("scenarios", platform.ScenarioCount);
            part.WriteNumber("operations", platform.OpCount);
            part.WriteNumber("states", platform.StateCount);
            part.Seconds("seconds", platform.Elapsed);
            part.WriteString("finding", platform.Finding?.Signature);
        });
        json.Tally("exercised", report.Result.Total());
        json.Objects("findings", report.Findings, CheckJson.WriteFinding);
    });
}
