using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using IommuHarness.Check;
using IommuHarness.Coverage;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Report;

/// <summary>The pieces that all JSON reports are made of. docs/cli.md describes them; a test holds the two together.</summary>
internal static class JsonText
{
    private static readonly JsonWriterOptions Options = new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A whole document, an object, with a line feed at its end.</summary>
    public static string Object(Action<Utf8JsonWriter> content)
    {
        using MemoryStream bytes = new();
        using (Utf8JsonWriter json = new(bytes, Options))
        {
            json.WriteStartObject();
            content(json);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(bytes.ToArray()) + "\n";
    }

    public static void Object(this Utf8JsonWriter json, string name, Action<Utf8JsonWriter> content)
    {
        json.WriteStartObject(name);
        content(json);
        json.WriteEndObject();
    }

    public static void Objects<T>(this Utf8JsonWriter json, string name, IEnumerable<T> items, Action<Utf8JsonWriter, T> content)
    {
        json.WriteStartArray(name);
        foreach (T item in items)
        {
            json.WriteStartObject();
            content(json, item);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    public static void Strings(this Utf8JsonWriter json, string name, IEnumerable<string> items)
    {
        json.WriteStartArray(name);
        foreach (string item in items)
            json.WriteStringValue(item);
        json.WriteEndArray();
    }

    public static void Seconds(this Utf8JsonWriter json, string name, TimeSpan elapsed) =>
        json.WriteNumber(name, Math.Round(elapsed.TotalSeconds, 3));

    /// <summary>A rule: id, sentence, source.</summary>
    public static void Rule(this Utf8JsonWriter json, RuleId rule)
    {
        (string sentence, string source) = RuleText.Of(rule);
        json.WriteString("rule", rule.Text());
        json.WriteString("sentence", sentence);
        json.WriteString("source", source);
    }

    /// <summary>Where and how a history diverges, and the history up to there.</summary>
    public static void Divergence(this Utf8JsonWriter json, History history, Verdict.Diverges verdict)
    {
        json.Rule(verdict.Rule);
        json.WriteString("platform_line", PlatformText.Write(history.Scenario.Platform));
        json.WriteNumber("operation", verdict.Index + 1);
        json.WriteString("seen", ObservationText.Write(verdict.Seen));
        json.Strings("allowed", verdict.Allowed.Describe());
        json.Objects("history", Enumerable.Range(0, verdict.Index + 1), (step, i) =>
        {
            step.WriteString("operation", OpText.Write(history.Scenario.Ops[i]));
            step.WriteString("answer", ObservationText.Write(i < verdict.Index ? history.Observations[i] : verdict.Seen));
        });
    }

    /// <summary>What was exercised.</summary>
    public static void Tally(this Utf8JsonWriter json, string name, Tally tally) => json.Object(name, all =>
    {
        all.Object("operations", part => Counts(part, tally.Ops()));
        all.Object("unsupported", part => Counts(part, tally.Unsupported()));
        all.Object("refusals", part => Counts(part, tally.Refusals().Select(why => (Words<Refusal>.Of(why.Why), why.Count))));
        all.Object("rules", part => Counts(part, tally.Rules().Select(rule => (rule.Rule.Text(), rule.Count))));
        all.WriteNumber("landed", tally.LandedCount);
        all.WriteNumber("interrupts", tally.InterruptCount);
        all.WriteNumber("stale", tally.StaleCount);
        all.Objects("faults", tally.Faults(), (part, fault) =>
        {
            part.WriteNumber("reason", fault.Reason);
            part.WriteString("name", FaultReasons.Name(fault.Reason));
            part.WriteNumber("count", fault.Count);
        });
    });

    private static void Counts(Utf8JsonWriter json, IEnumerable<(string Name, long Count)> counts)
    {
        foreach ((string name, long count) in counts)
            json.WriteNumber(name, count);
    }
}
