using System.Collections.Immutable;
using IommuHarness.Coverage;
using IommuHarness.Generate;
using IommuHarness.Targets;
using IommuSpec;

namespace IommuHarness.Check;

/// <summary>Generates, runs and judges cases, platform after platform, until cases, time or patience are used up.</summary>
/// <param name="target">What is checked.</param>
/// <param name="collector">Takes the diverging cases, and shrinks some of them.</param>
public sealed class Checker(ITarget target, FindingCollector collector)
{
    /// <summary>Cases in which a target may hang before its platform is given up: each costs a deadline.</summary>
    public const int MostHangs = 16;

    /// <summary>Cases between two looks at the clock.</summary>
    private const int Batch = 64;

    private readonly ImmutableArray<PlatformResult>.Builder results = ImmutableArray.CreateBuilder<PlatformResult>();

    private static readonly TimeSpan ReportEvery = TimeSpan.FromMilliseconds(200);

    /// <summary>Runs a plan. A platform goes on after a divergence, where the plan does not say otherwise.</summary>
    /// <param name="plan">What to run.</param>
    /// <param name="progress">Told a few times a second, and at the end of each platform.</param>
    /// <param name="cancel">Ends the run after the case at work.</param>
    public CheckResult Run(CheckPlan plan, Action<CheckProgress>? progress = null, CancellationToken cancel = default)
    {
        TimeSpan start = Clock.Now;
        results.Clear();
        bool[] plays = [.. plan.Platforms.Select(platform => target.Supports(platform.Platform))];
        int playedCount = plays.Count(played => played);
        int played = 0;
        for (int i = 0; i < plan.Platforms.Length && !cancel.IsCancellationRequested; i++)
        {
            if (!plays[i])
            {
                results.Add(new PlatformResult(plan.Platforms[i], new Tally(), TimeSpan.Zero, 0, null) { Skipped = true });
                continue;
            }

            TimeSpan? share = (plan.Duration - (Clock.Now - start)) / (playedCount - played);
            long? caseCount = plan.Share(played++, playedCount);
            results.Add(new Share(target, collector, plan, i, caseCount, share, progress, cancel).Run());
        }

        return SoFar with { Cancelled = cancel.IsCancellationRequested };
    }

    /// <summary>The platforms that are done, for whoever cannot wait for the others.</summary>
    public CheckResult SoFar => new(results.ToImmutable(), Cancelled: true);

    // One platform's cases. Its time, shrinking included, may be null: as long as the cases take.
    private sealed class Share(
        ITarget target, FindingCollector collector, CheckPlan plan, int platformIndex, long? caseCount, TimeSpan? share, Action<CheckProgress>? progress, CancellationToken cancel)
    {
        private readonly NamedPlatform platform = plan.Platforms[platformIndex];
        private readonly Tally tally = new();
        private readonly TimeSpan start = Clock.Now;
        private TimeSpan reported = Clock.Now;
        private TimeSpan shrinking;
        private long divergingCount;
        private int hangCount;
        private bool isOver;

        public PlatformResult Run()
        {
            int before = collector.Findings.Length;
            long end = caseCount is { } count && count < long.MaxValue - plan.FirstCase ? plan.FirstCase + count : long.MaxValue;
            CaseQueue cases = new(target, plan, platform.Platform, end);
            while (!isOver && !cancel.IsCancellationRequested && cases.Next() is { } done)
            {
                // A divergence may have cost any time.
                bool conforms = JudgeCase(done);
                if (!conforms || (done.Index - plan.FirstCase) % Batch == Batch - 1)
                    LookAtTheClock();
            }

            TimeSpan elapsed = Clock.Now - start - shrinking;
            progress?.Invoke(Progress(elapsed) with { Part = 1 });
            return new PlatformResult(platform, tally, elapsed, divergingCount, collector.Findings.ElementAtOrDefault(before))
            {
                GaveUp = hangCount >= MostHangs,
            };
        }

        /// <summary>Whether the target conforms in a case.</summary>
        private bool JudgeCase(CaseRun done)
        {
            History history = new(done.Scenario, done.Run.Answers);
            tally.CountCase();
            if (Judge.Check(history, tally) is not Verdict.Diverges verdict)
                return true;
            TimeSpan found = Clock.Now;
            CaseId @case = new(platform.Name, done.Profile?.Name, plan.Seed, done.Index);
            if (collector.Add(@case.Describe(), @case, history, verdict, done.Run.Crash, always: plan.StopAtFirst))
            {
                divergingCount++;
                isOver |= plan.StopAtFirst;
            }

            hangCount += verdict.Seen is Observation.Hung ? 1 : 0;
            isOver |= hangCount >= MostHangs;
            shrinking += Clock.Now - found;
            return false;
        }

        private void LookAtTheClock()
        {
            TimeSpan now = Clock.Now;
            isOver |= now - start >= share;
            if (now - reported < ReportEvery)
                return;
            reported = now;
            progress?.Invoke(Progress(now - start - shrinking));
        }

        private CheckProgress Progress(TimeSpan elapsed) => new(
            platform.Name, platformIndex, plan.Platforms.Length, Part(elapsed), tally.CaseCount, tally.OpCount, elapsed);

        private double Part(TimeSpan elapsed)
        {
            double byCases = caseCount is { } count && count > 0 ? (double)tally.CaseCount / count : 0;
            double byTime = share is { } time && time > TimeSpan.Zero ? elapsed / time : 0;
            return Math.Min(1, Math.Max(byCases, byTime));
        }
    }
}
