using System.Text.Json;
using IommuHarness.Check;
using IommuHarness.Coverage;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Report;

/// <summary>The summary of a check as JSON.</summary>
public static class CheckJson
{
    public static string Of(CheckReport report) => JsonText.Object(json =>
    {
        json.WriteString("verdict", report.Conforms ? "conforms" : "diverges");
        json.WriteString("target", report.Target);
        json.WriteString("version", report.Version);
        json.WriteNumber("seed", report.Seed);
        json.WriteBoolean("stopped_early", report.Generated.Cancelled);
        WriteCorpus(json, report.Corpus);
        WriteCaptures(json, report.Captures);
        json.Object("generated", part => WriteGenerated(part, report.Generated));
        json.Tally("exercised", report.Exercised());
        json.Objects("broken_rules", report.Rules, (part, hits) =>
        {
            part.WriteString("rule", hits.Rule.Text());
            part.WriteNumber("cases", hits.CaseCount);
            part.WriteNumber("findings", hits.FindingCount);
        });
        WriteKnown(json, report.Known);
        json.Objects("died_once", report.DiedOnce, (part, once) =>
        {
            part.WriteString("found_in", once.Where);
            part.WriteString("seen", ObservationText.Write(once.How));
            part.WriteString("died_of", once.Crash?.Message);
        });
        json.Objects("findings", report.Findings, WriteFinding);
    });

    /// <summary>A finding, its file and the command that repeats it.</summary>
    internal static void WriteFinding(Utf8JsonWriter json, KeptFinding kept)
    {
        Finding finding = kept.Finding;
        json.WriteString("signature", finding.Signature);
        json.WriteString("found_in", finding.Where);
        if (finding.Case is { } found)
        {
            json.Object("case", part =>
            {
                part.WriteString("platform", found.Platform);
                part.WriteString("profile", found.Profile);
                part.WriteNumber("seed", found.Seed);
                part.WriteNumber("index", found.Index);
            });
        }
        else
        {
            json.WriteNull("case");
        }

        json.WriteNumber("original_operations", finding.Original.Ops.Length);
        json.WriteBoolean("repeats", finding.Repeats);
        json.WriteString("file", kept.File);
        json.WriteString("repeat", kept.Repeat);
        json.WriteString("died_of", finding.Crash is { } crash ? $"{crash.GetType().Name}: {crash.Message}" : null);
        json.Divergence(finding.Minimal, finding.Verdict);
    }

    private static void WriteKnown(Utf8JsonWriter json, KnownDeviations? known)
    {
        if (known is null)
        {
            json.WriteNull("known");
            return;
        }

        json.Objects("known", known.All, (part, one) =>
        {
            part.WriteString("file", one.File);
            part.WriteString("rule", one.Rule.Text());
            part.WriteString("note", one.Note);
            part.WriteString("state", Words<KnownState>.Of(one.State));
            part.WriteString("now", one.Now?.Text());
            part.WriteNumber("cases", one.CaseCount);
        });
    }

    private static void WriteCorpus(Utf8JsonWriter json, CorpusResult? corpus)
    {
        if (corpus is null)
        {
            json.WriteNull("corpus");
            return;
        }

        json.Object("corpus", part =>
        {
            part.WriteNumber("litmus", corpus.LitmusCount);
            part.WriteNumber("replayed", corpus.ReplayedCount);
            part.WriteNumber("skipped", corpus.SkippedCount);
            part.WriteNumber("diverging", corpus.DivergingCount);
            part.Objects("broken_litmus", corpus.BrokenLitmus, (one, broken) =>
            {
                one.WriteString("file", broken.File);
                one.WriteString("problem", broken.Contradiction ?? "does not conform");
            });
        });
    }

    private static void WriteCaptures(Utf8JsonWriter json, CaptureReport? captures)
    {
        if (captures is null)
        {
            json.WriteNull("captures");
            return;
        }

        json.Object("captures", part =>
        {
            part.WriteNumber("images", captures.CaptureCount);
            part.WriteNumber("devices", captures.DeviceCount);
            part.WriteNumber("addresses", captures.AddressCount);
            part.WriteNumber("corruptions", captures.CorruptionCount);
            part.Strings("disagreements", captures.Disagreements);
        });
    }

    private static void WriteGenerated(Utf8JsonWriter json, CheckResult generated)
    {
        Tally total = generated.Total();
        json.WriteNumber("cases", total.CaseCount);
        json.WriteNumber("operations", total.OpCount);
        json.Seconds("seconds", generated.Elapsed);
        json.WriteNumber("operations_per_second", Numbers.PerSecond(total.OpCount, generated.Elapsed));
        json.WriteNumber("cases_per_second", Numbers.PerSecond(total.CaseCount, generated.Elapsed));
        json.Objects("platforms", generated.Platforms, (part, platform) =>
        {
            part.WriteString("name", platform.Platform.Name);
            part.WriteBoolean("played", !platform.Skipped);
            part.WriteNumber("cases", platform.Tally.CaseCount);
            part.WriteNumber("operations", platform.Tally.OpCount);
            part.Seconds("seconds", platform.Elapsed);
            part.WriteNumber("diverging_cases", platform.DivergingCount);
            part.WriteBoolean("gave_up", platform.GaveUp);
            part.WriteString("finding", platform.First?.Signature);
        });
    }
}
