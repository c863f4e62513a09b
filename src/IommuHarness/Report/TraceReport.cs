using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using IommuHarness.Check;
using IommuHarness.Coverage;
using IommuSpec;

namespace IommuHarness.Report;

/// <summary>What judging or replaying traces came to.</summary>
/// <param name="Target">Whose answers were judged; "file" for those that the files hold.</param>
/// <param name="Results">File by file.</param>
/// <param name="Tally">What they exercised.</param>
/// <param name="Elapsed">How long that took.</param>
public sealed record TraceReport(string Target, ImmutableArray<TraceResult> Results, Tally Tally, TimeSpan Elapsed)
{
    public bool IsGood => Results.All(result => result.IsGood);

    public string Text()
    {
        StringBuilder text = new();
        foreach (TraceResult result in Results)
            Append(text, result);
        int good = Results.Count(result => result.IsGood);
        if (Results.Length > 1)
            text.Append(CultureInfo.InvariantCulture, $"{good} of {Results.Length} as they should be, in {Numbers.Seconds(Elapsed)}\n");
        TallyText.Append(text, Tally);
        return text.ToString();
    }

    public string Json() => JsonText.Object(json =>
    {
        json.WriteString("verdict", IsGood ? "conforms" : "diverges");
        json.WriteString("target", Target);
        json.Seconds("seconds", Elapsed);
        json.Objects("files", Results, Write);
        json.Tally("exercised", Tally);
    });

    private static void Append(StringBuilder text, TraceResult result)
    {
        if (result.IsGood)
        {
            string claim = result.Verdict is Verdict.Diverges broken ? $"forbidden by {broken.Rule.Text()}, as it says" : "conforms";
            text.Append(CultureInfo.InvariantCulture, $"{result.File}: {claim} ({result.History.Scenario.Ops.Length} operations)\n");
            return;
        }

        text.Append(CultureInfo.InvariantCulture, $"{result.File}: {result.Contradiction ?? "DIVERGES"}\n");
        if (result.Verdict is Verdict.Diverges verdict)
            text.Append(Story.Of(result.History, verdict)).Append('\n');
        if (result.Crash is { } crash)
            text.Append(CultureInfo.InvariantCulture, $"  died of  {crash.GetType().Name}: {crash.Message.ReplaceLineEndings(" ")}\n\n");
    }

    private static void Write(Utf8JsonWriter json, TraceResult result)
    {
        json.WriteString("file", result.File);
        json.WriteBoolean("good", result.IsGood);
        json.WriteString("verdict", result.Verdict is Verdict.Conforms ? "conforms" : "diverges");
        json.WriteString("problem", result.Contradiction);
        json.WriteNumber("operations", result.History.Scenario.Ops.Length);
        json.WriteString("died_of", result.Crash is { } crash ? $"{crash.GetType().Name}: {crash.Message}" : null);
        if (result.Verdict is Verdict.Diverges verdict)
            json.Object("divergence", part => part.Divergence(result.History, verdict));
        else
            json.WriteNull("divergence");
    }
}
