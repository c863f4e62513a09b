using System.Globalization;
using System.Text;
using IommuHarness.Check;

namespace IommuHarness.Report;

/// <summary>The summary of an exhaustive run as a person reads it.</summary>
public static class ExhaustiveText
{
    public static string Of(ExhaustiveReport report, string command)
    {
        StringBuilder text = new();
        CheckText.AppendFindings(text, report.Findings, report.Target, command);
        CheckText.AppendVerdict(text, report.Target, report.Conforms, report.Findings, report.Result.Cancelled);
        AppendCounts(text, report);
        TallyText.Append(text, report.Result.Total());
        return text.ToString();
    }

    private static void AppendCounts(StringBuilder text, ExhaustiveReport report)
    {
        ExhaustiveResult result = report.Result;
        int played = result.Platforms.Count(platform => !platform.Skipped);
        text.Append(CultureInfo.InvariantCulture, $"  exhaustive every scenario of up to {result.Length} operations of a tiny universe, on {played} platforms in {Numbers.Seconds(result.Elapsed)}:\n");
        text.Append(CultureInfo.InvariantCulture, $"             {report.ScenarioCount:N0} scenarios, {report.OpCount:N0} operations, {report.StateCount:N0} states of the specification\n\n");
        text.Append(CultureInfo.InvariantCulture, $"  {"platform",-26}{"alphabet",9}{"scenarios",14}{"operations",14}{"states",10}{"seconds",9}\n");
        foreach (ExhaustivePlatform platform in result.Platforms)
            text.Append(CultureInfo.InvariantCulture, $"  {platform.Platform.Name,-26}{Row(platform)}\n");
    }

    private static string Row(ExhaustivePlatform platform)
    {
        if (platform.Skipped)
            return "not played by this target";
        string alphabet = string.Create(CultureInfo.InvariantCulture, $"{platform.Universe.Scenes.Length}x{platform.Universe.Ops.Length}");
        string row = string.Create(
            CultureInfo.InvariantCulture,
            $"{alphabet,9}{platform.ScenarioCount,14:N0}{platform.OpCount,14:N0}{platform.StateCount,10:N0}{platform.Elapsed.TotalSeconds,9:0.0}");
        return platform.Finding is { } finding ? $"{row}  {finding.Signature}" : row;
    }
}
