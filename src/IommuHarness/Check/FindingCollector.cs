using System.Collections.Immutable;
using System.Numerics;
using IommuHarness.Targets;
using IommuSpec;

namespace IommuHarness.Check;

/// <summary>How often a rule was broken.</summary>
/// <param name="Rule">Which.</param>
/// <param name="CaseCount">Cases whose first wrong answer breaks it.</param>
/// <param name="FindingCount">Distinct findings among those that were shrunk, known ones not counted.</param>
public sealed record RuleHits(RuleId Rule, long CaseCount, int FindingCount);

/// <summary>A target that died in a case and did not when the case was repeated: no divergence, as nobody could repeat it.</summary>
/// <param name="Where">The case, in words.</param>
/// <param name="How">Crashed or hung.</param>
/// <param name="Crash">What it died of, where it could say.</param>
public sealed record DiedOnce(string Where, Observation How, Exception? Crash);

/// <summary>
/// Gathers what a target gets wrong over a whole run. Every diverging case is counted; shrinking is dear, so of the cases with one
/// key the first is shrunk, the second, the fourth, the eighth and so on, and after so many in all only the first of a rule that
/// was not broken before. What they come to is told apart by signature and shape.
/// </summary>
/// <param name="target">Whose answers they are.</param>
/// <param name="known">What is not to be told again; null: everything is told.</param>
public sealed class FindingCollector(ITarget target, KnownDeviations? known = null)
{
    /// <summary>Cases shrunk in one run, the first of each rule not counted.</summary>
    public const int MostShrunk = 64;

    /// <summary>Cases shrunk that turn out to be known.</summary>
    public const int MostKnownShrunk = 256;

    /// <summary>Of those, crashes: shrinking them starts a process for each candidate, where the target has one.</summary>
    public const int MostCrashesShrunk = 16;

    /// <summary>And hangs: shrinking them costs deadlines.</summary>
    public const int MostHangsShrunk = 6;

    private readonly Dictionary<string, KeyHits> keys = new(StringComparer.Ordinal);
    private readonly SortedDictionary<RuleId, RuleHits> rules = [];
    private readonly HashSet<string> signatures = new(StringComparer.Ordinal);
    private readonly HashSet<string> shapes = new(StringComparer.Ordinal);
    private readonly ImmutableArray<Finding>.Builder findings = ImmutableArray.CreateBuilder<Finding>();
    private readonly ImmutableArray<DiedOnce>.Builder diedOnce = ImmutableArray.CreateBuilder<DiedOnce>();
    private int shrunk;
    private int knownShrunk;
    private int crashesShrunk;
    private int hangsShrunk;

    /// <summary>What was known before; null where nothing was said to be.</summary>
    public KnownDeviations? Known => known;

    /// <summary>Distinct findings that were not known, in the order they were found.</summary>
    public ImmutableArray<Finding> Findings => findings.ToImmutable();

    /// <summary>The rules that were broken, in their order.</summary>
    public ImmutableArray<RuleHits> Rules => [.. rules.Values];

    public ImmutableArray<DiedOnce> DiedOnce => diedOnce.ToImmutable();

    /// <summary>Takes a diverging case.</summary>
    /// <param name="where">Where it was found, in words.</param>
    /// <param name="case">Which generated case; null where it came from a file.</param>
    /// <param name="history">What was asked and answered.</param>
    /// <param name="verdict">What the judge says of it.</param>
    /// <param name="crash">What the target died of, where it did and could say.</param>
    /// <param name="always">Shrinks it however many alike there were.</param>
    /// <returns>False where the target died and does not die again.</returns>
    public bool Add(string where, CaseId? @case, History history, Verdict.Diverges verdict, Exception? crash, bool always = false)
    {
        KeyHits hits = Hits(history.Scenario, verdict);
        if (verdict.Seen is Observation.Crashed or Observation.Hung && !hits.DiesAgain)
        {
            History again = new(history.Scenario, TargetRun.Run(target, history.Scenario).Answers);
            if (Judge.Check(again) is not Verdict.Diverges repeated)
            {
                diedOnce.Add(new(where, verdict.Seen, crash));
                return false;
            }

            (history, verdict, hits) = (again, repeated, Hits(again.Scenario, repeated));
            hits.DiesAgain = true;
        }

        bool isNewRule = !rules.ContainsKey(verdict.Rule);
        hits.CaseCount++;
        bool mayShrink = MayShrink(verdict.Seen);
        bool isNextOfItsKey = BitOperations.IsPow2(hits.CaseCount) && !hits.DiesOfOneOperation
            && shrunk < MostShrunk && knownShrunk < MostKnownShrunk && mayShrink;
        bool isNew = (always || isNewRule || isNextOfItsKey) && Keep(Minimiser.Minimise(target, where, @case, history, verdict, mayShrink), hits);
        RuleHits before = rules.GetValueOrDefault(verdict.Rule) ?? new(verdict.Rule, 0, 0);
        rules[verdict.Rule] = before with { CaseCount = before.CaseCount + 1, FindingCount = before.FindingCount + (isNew ? 1 : 0) };
        return true;
    }

    private bool MayShrink(Observation seen) => seen switch
    {
        Observation.Crashed => crashesShrunk < MostCrashesShrunk,
        Observation.Hung => hangsShrunk < MostHangsShrunk,
        _ => true,
    };

    private bool Keep(Finding finding, KeyHits hits)
    {
        hits.DiesOfOneOperation |= finding is { Verdict.Seen: Observation.Crashed or Observation.Hung, Minimal.Scenario.Ops.Length: 1 };
        crashesShrunk += finding.Verdict.Seen is Observation.Crashed ? 1 : 0;
        hangsShrunk += finding.Verdict.Seen is Observation.Hung ? 1 : 0;
        if (known?.Find(finding) is { } deviation)
        {
            knownShrunk++;
            deviation.CaseCount++;
            return false;
        }

        shrunk++;
        // Both are noted: the same shape under another signature is the same finding, however the next one is written.
        bool isNew = signatures.Add(finding.Signature) & shapes.Add(finding.Shape);
        if (isNew)
            findings.Add(finding);
        return isNew;
    }

    private KeyHits Hits(Scenario scenario, Verdict.Diverges verdict)
    {
        string key = FindingShape.Key(scenario, verdict);
        if (!keys.TryGetValue(key, out KeyHits? hits))
            keys.Add(key, hits = new());
        return hits;
    }

    private sealed class KeyHits
    {
        public long CaseCount { get; set; }

        /// <summary>A case of this key in which the target died was repeated, and it died again.</summary>
        public bool DiesAgain { get; set; }

        /// <summary>The operation kills the target by itself: whatever comes before it in other cases says nothing more.</summary>
        public bool DiesOfOneOperation { get; set; }
    }
}
