using System.Collections.Immutable;
using IommuHarness.Check;
using IommuHarness.Corpus;
using IommuHarness.Coverage;

namespace IommuHarness.Report;

/// <summary>A finding with the file it was written to and the command that shows it again.</summary>
public sealed record KeptFinding(Finding Finding, string File, string Repeat);

/// <summary>Everything that a check came to.</summary>
/// <param name="Target">The target's name.</param>
/// <param name="Seed">The run's seed.</param>
/// <param name="Corpus">The kept traces; null where there were none to replay.</param>
/// <param name="Captures">The captured tables; null where they were not checked.</param>
/// <param name="Generated">The generated cases.</param>
/// <param name="Findings">Every distinct divergence, with its file.</param>
/// <param name="Rules">The rules that were broken, and how often.</param>
/// <param name="DiedOnce">Where the target died and did not die again.</param>
public sealed record CheckReport(
    string Target,
    ulong Seed,
    CorpusResult? Corpus,
    CaptureReport? Captures,
    CheckResult Generated,
    ImmutableArray<KeptFinding> Findings,
    ImmutableArray<RuleHits> Rules,
    ImmutableArray<DiedOnce> DiedOnce)
{
    /// <summary>What was known before, and what became of it; null where nothing was said to be known.</summary>
    public KnownDeviations? Known { get; init; }

    /// <summary>Its version, where it has one.</summary>
    public string? Version { get; init; }

    public bool Conforms => Findings.IsEmpty && Corpus is not { BrokenLitmus.IsEmpty: false } && Captures is not { IsGood: false };

    /// <summary>What generated cases and replayed files exercised together.</summary>
    public Tally Exercised()
    {
        Tally total = Generated.Total();
        if (Corpus is not null)
            total.Add(Corpus.Tally);
        return total;
    }

    /// <summary>Writes each finding's history to a file named after its signature.</summary>
    /// <param name="findings">Those of the corpus first, then those of generated cases.</param>
    /// <param name="folder">Made where it does not exist.</param>
    /// <param name="target">The target's name.</param>
    /// <param name="command">How this program was started.</param>
    public static ImmutableArray<KeptFinding> Keep(IEnumerable<Finding> findings, string folder, string target, string command)
    {
        ImmutableArray<KeptFinding>.Builder kept = ImmutableArray.CreateBuilder<KeptFinding>();
        foreach (Finding finding in findings.DistinctBy(finding => finding.Signature))
        {
            string file = Path.Combine(folder, finding.Signature + ".trace");
            Directory.CreateDirectory(folder);
            File.WriteAllText(file, Minimiser.FileText(finding.Minimal, finding.Verdict.Rule));
            kept.Add(new KeptFinding(finding, file, Story.Repeat(file, target, command)));
        }

        return kept.DrainToImmutable();
    }
}

/// <summary>What checking the captured tables came to.</summary>
/// <param name="CaptureCount">Memory images.</param>
/// <param name="DeviceCount">Devices in them.</param>
/// <param name="AddressCount">Addresses that specification, implementation and ground truth were asked.</param>
/// <param name="CorruptionCount">Single-bit corruptions that both walkers were asked.</param>
/// <param name="Disagreements">Where they differ, in words.</param>
public sealed record CaptureReport(
    int CaptureCount, int DeviceCount, long AddressCount, long CorruptionCount, ImmutableArray<string> Disagreements)
{
    public bool IsGood => Disagreements.IsEmpty;

    public static CaptureReport Of(CaptureSummary summary) => new(
        summary.CaptureCount, summary.DeviceCount, summary.AddressCount, summary.CorruptionCount,
        [.. summary.Disagreements.Select(disagreement => disagreement.ToString())]);
}
