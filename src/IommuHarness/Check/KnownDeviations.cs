using System.Collections.Immutable;
using IommuHarness.Corpus;
using IommuHarness.Targets;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Check;

/// <summary>What became of a known deviation in this run.</summary>
public enum KnownState
{
    /// <summary>The target does not play its platform.</summary>
    NotPlayed,

    /// <summary>Its reproducer breaks its rule.</summary>
    SeenAgain,

    /// <summary>Its reproducer conforms, or breaks another rule.</summary>
    Gone,
}

/// <summary>A deviation that is known: a trace that ends in it, with a verdict line, and above it a line <c># note: …</c> or <c># finding: …</c>.</summary>
/// <param name="File">The trace.</param>
/// <param name="Note">What a person says about it.</param>
/// <param name="Rule">The rule that it breaks.</param>
/// <param name="History">Its reproducer, with the answers that were seen when it was written.</param>
public sealed record KnownDeviation(string File, string Note, RuleId Rule, History History)
{
    /// <summary>What replaying the reproducer came to.</summary>
    public KnownState State { get; internal set; }

    /// <summary>The rule that the reproducer breaks now; null where it conforms or was not run.</summary>
    public RuleId? Now { get; internal set; }

    /// <summary>Cases of this run that were shrunk and came to it.</summary>
    public long CaseCount { get; internal set; }

    /// <summary>Signatures and shapes by which it is met again: of the reproducer as it stands, and of what it shrinks to.</summary>
    internal HashSet<string> Marks { get; } = new(StringComparer.Ordinal);
}

/// <summary>
/// The known deviations of a target: a run reports what is none of them. A finding is one of them if it breaks the same rule and
/// has the same signature or the same shape; what messages say does not count. One that has gone hides nothing.
/// </summary>
public sealed class KnownDeviations
{
    private static readonly ImmutableArray<string> Keys = ["note", "finding", "target", "version", "kind", "confidence", "why+", "source"];

    private KnownDeviations(ImmutableArray<KnownDeviation> all) => All = all;

    /// <summary>All of them, in the order of their files.</summary>
    public ImmutableArray<KnownDeviation> All { get; }

    /// <summary>Reads a trace, or every *.trace in a folder and below.</summary>
    /// <exception cref="InputException">There is none, or one is broken or has no note.</exception>
    public static KnownDeviations Load(string path) => new([.. InputFiles.List(path, ".trace").Select(Read)]);

    /// <summary>Replays every reproducer and learns what it looks like on this target.</summary>
    public void Replay(ITarget target)
    {
        foreach (KnownDeviation known in All.Where(known => target.Supports(known.History.Scenario.Platform)))
        {
            History now = new(known.History.Scenario, TargetRun.Run(target, known.History.Scenario).Answers);
            Verdict.Diverges? verdict = Judge.Check(now) as Verdict.Diverges;
            known.Now = verdict?.Rule;
            known.State = verdict?.Rule == known.Rule ? KnownState.SeenAgain : KnownState.Gone;
            if (known.State == KnownState.Gone)
                continue;
            Finding small = Minimiser.Minimise(target, known.File, null, now, verdict!);
            known.Marks.UnionWith([Minimiser.Signature(known.History, known.Rule), FindingShape.Of(known.History, known.Rule), small.Signature, small.Shape]);
        }
    }

    /// <summary>The known deviation that a finding is; null where it is new.</summary>
    internal KnownDeviation? Find(Finding finding) => All.FirstOrDefault(known =>
        known.Rule == finding.Verdict.Rule && (known.Marks.Contains(finding.Signature) || known.Marks.Contains(finding.Shape)));

    private static KnownDeviation Read(string path)
    {
        (History history, Verdict.Diverges verdict) = FindingFile.Judged(path);
        TraceNotes notes = TraceNotes.Read(File.ReadAllText(path), path, Keys);
        return new(path, (notes.Find("finding") ?? notes.Required("note")).Text, verdict.Rule, history);
    }
}
