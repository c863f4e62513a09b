using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using IommuHarness.Report;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Corpus;

/// <summary>What came of judging or replaying recorded calls, for a person and as JSON.</summary>
public static class CallsReport
{
    private const int ShownCount = 5;

    /// <summary>The verdict of the specification on a recording.</summary>
    public static string Text(Recording recording, Platform platform, CallsVerdict verdict)
    {
        var text = new StringBuilder(Head(recording, platform));
        text.Append(CultureInfo.InvariantCulture, $"{verdict.CallCount:N0} calls judged, {verdict.CallsPerSecond:N0} a second\n");
        if (verdict.Conforms)
            return text.Append("verdict: the kernel conforms\n").ToString();
        foreach (CallDivergence divergence in verdict.Divergences.Take(ShownCount))
        {
            (string sentence, string source) = RuleText.Of(divergence.Rule);
            text.Append(CultureInfo.InvariantCulture, $"line {divergence.Line}: {divergence.Call}\n  answered {divergence.Seen}\n");
            text.Append(CultureInfo.InvariantCulture, $"  allowed  {string.Join("\n           ", divergence.Allowed)}\n  {divergence.Rule.Text()}  {sentence} ({source})\n");
        }
        if (verdict.Divergences.Length > ShownCount)
            text.Append(CultureInfo.InvariantCulture, $"and {verdict.Divergences.Length - ShownCount} more, the last on line {verdict.Divergences[^1].Line}\n");
        return text.Append(CultureInfo.InvariantCulture, $"verdict: {verdict.Divergences.Length} answers are not allowed (or calls before them are missing in the recording)\n").ToString();
    }

    /// <inheritdoc cref="Text(Recording, Platform, CallsVerdict)"/>
    public static string Json(Recording recording, Platform platform, CallsVerdict verdict) => JsonText.Object(json =>
    {
        json.WriteString("file", recording.FileName);
        json.WriteString("platform_line", PlatformText.Write(platform));
        json.WriteString("verdict", verdict.Conforms ? "conforms" : "diverges");
        json.WriteNumber("calls", verdict.CallCount);
        json.WriteNumber("calls_per_second", Math.Round(verdict.CallsPerSecond));
        json.Objects("divergences", verdict.Divergences, (part, divergence) =>
        {
            part.WriteNumber("line", divergence.Line);
            part.WriteString("call", divergence.Call);
            part.WriteString("seen", divergence.Seen);
            part.Strings("allowed", divergence.Allowed);
            part.Rule(divergence.Rule);
        });
    });

    /// <summary>What the implementation made of a recording.</summary>
    public static string Text(Recording recording, Platform platform, ReplayResult result)
    {
        var text = new StringBuilder(Head(recording, platform));
        text.Append(CultureInfo.InvariantCulture, $"{result.CallCount:N0} calls replayed, {result.CallsPerSecond:N0} a second; {result.TableCount} tables at the end, roots not counted\n");
        foreach (RefusedCall refused in result.Refused.Take(ShownCount))
            text.Append(CultureInfo.InvariantCulture, $"line {refused.Line}: {refused.Call}: the kernel answered {refused.Kernel}, the implementation {refused.Implementation}\n");
        if (result.Refused.Length > ShownCount)
            text.Append(CultureInfo.InvariantCulture, $"and {result.Refused.Length - ShownCount} more, the last on line {result.Refused[^1].Line}\n");
        text.Append(CultureInfo.InvariantCulture, $"\n{"KiB mapped",-13} {"by replay",10}  {"as the capture",14} {"elsewhere",10} {"other rights",12} {"replay only",11} {"capture only",12}\n");
        foreach (DeviceReplay device in result.Devices)
        {
            text.Append(CultureInfo.InvariantCulture, $"{device.Device,-13} {device.MappedBytes >> 10,10}");
            if (device.Capture is { } c)
                text.Append(CultureInfo.InvariantCulture, $"  {c.Same >> 10,14} {c.Elsewhere >> 10,10} {c.OtherRights >> 10,12} {c.OnlyFirst >> 10,11} {c.OnlySecond >> 10,12}");
            text.Append(device.MeansTheCalls ? "\n" : "  NOT WHAT THE CALLS ASKED FOR\n");
        }
        text.Append(CultureInfo.InvariantCulture, $"\ntables: {(result.Devices.All(d => d.MeansTheCalls) ? "every device's map exactly what the calls asked for" : "some map something else than the calls asked for")}\n");
        return text.Append(CultureInfo.InvariantCulture, $"capture: {result.Explanation}\n").ToString();
    }

    /// <inheritdoc cref="Text(Recording, Platform, ReplayResult)"/>
    public static string Json(Recording recording, Platform platform, ReplayResult result) => JsonText.Object(json =>
    {
        json.WriteString("file", recording.FileName);
        json.WriteString("platform_line", PlatformText.Write(platform));
        json.WriteBoolean("right", result.IsRight);
        json.WriteNumber("calls", result.CallCount);
        json.WriteNumber("calls_per_second", Math.Round(result.CallsPerSecond));
        json.WriteNumber("tables", result.TableCount);
        json.WriteString("capture", result.Match.ToString());
        json.WriteString("explanation", result.Explanation);
        json.Objects("refused", result.Refused, (part, refused) =>
        {
            part.WriteNumber("line", refused.Line);
            part.WriteString("call", refused.Call);
            part.WriteString("kernel", refused.Kernel);
            part.WriteString("implementation", refused.Implementation);
        });
        json.Objects("devices", result.Devices, (part, device) =>
        {
            part.WriteString("device", device.Device);
            part.WriteNumber("mapped_bytes", device.MappedBytes);
            part.WriteBoolean("means_the_calls", device.MeansTheCalls);
            if (device.Capture is not { } c)
                return;
            part.WriteNumber("same_bytes", c.Same);
            part.WriteNumber("elsewhere_bytes", c.Elsewhere);
            part.WriteNumber("other_rights_bytes", c.OtherRights);
            part.WriteNumber("replay_only_bytes", c.OnlyFirst);
            part.WriteNumber("capture_only_bytes", c.OnlySecond);
        });
    });

    private static string Head(Recording recording, Platform platform) =>
        $"{recording.FileName}: {string.Join("; ", recording.Comments)}\n{PlatformText.Write(platform)}\n"
        + $"{recording.DeviceNames.Length} devices, {recording.DomainNames.Length} domains\n";
}
