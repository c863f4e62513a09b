using System.Collections.Immutable;
using IommuHarness.Coverage;
using IommuHarness.Generate;
using IommuHarness.Targets;
using IommuSpec;

namespace IommuHarness.Check;

/// <summary>Generates, runs and judges cases, platform after platform, until cases, time or patience are used up or the target diverges.</summary>
public sealed class Checker(ITarget target)
{
    /// <summary>Cases between two looks at the clock.</summary>
    private const int Batch = 64;

    private static readonly TimeSpan ReportEvery = TimeSpan.FromMilliseconds(200);

    /// <summary>Runs a plan. A platform stops at its first divergence; the others go on, with the time that it leaves.</summary>
    /// <param name="plan">What to run.</param>
    /// <param name="progress">Told a few times a second, and at the end of each platform.</param>
    /// <param name="cancel">Ends the run after the case at work.</param>
    public CheckResult Run(CheckPlan plan, Action<CheckProgress>? progress = null, CancellationToken cancel = default)
    {
        TimeSpan start = Clock.Now;
        ImmutableArray<PlatformResult>.Builder results = ImmutableArray.CreateBuilder<PlatformResult>();
        for (int i = 0; i < plan.Platforms.Length && !cancel.IsCancellationRequested; i++)
        {
            TimeSpan? share = (plan.Duration - (Clock.Now - start)) / (plan.Platforms.Length - i);
            results.Add(RunPlatform(plan, i, share, progress, cancel));
        }

        return new CheckResult(results.DrainToImmutable(), cancel.IsCancellationRequested);
    }

    private PlatformResult RunPlatform(
        CheckPlan plan, int platformIndex, TimeSpan? share, Action<CheckProgress>? progress, CancellationToken cancel)
    {
        NamedPlatform platform = plan.Platforms[platformIndex];
        Tally tally = new();
        if (!target.Supports(platform.Platform))
            return new PlatformResult(platform, tally, TimeSpan.Zero, null, Skipped: true);

        TimeSpan start = Clock.Now;
        TimeSpan reported = start;
        long? caseCount = plan.Share(platformIndex);
        long end = caseCount is { } count && count < long.MaxValue - plan.FirstCase ? plan.FirstCase + count : long.MaxValue;
        for (long index = plan.FirstCase; index < end && !cancel.IsCancellationRequested; index++)
        {
            if (RunCase(plan, platform, index, tally) is { } found)
            {
                TimeSpan spent = Clock.Now - start;
                Finding finding = Minimiser.Minimise(target, found.Case.Describe(), found.Case, found.History, found.Verdict);
                return new PlatformResult(platform, tally, spent, finding, Skipped: false);
            }

            if ((index - plan.FirstCase) % Batch != Batch - 1)
                continue;
            TimeSpan now = Clock.Now;
            if (now - start >= share)
                break;
            if (now - reported < ReportEvery)
                continue;
            reported = now;
            progress?.Invoke(Progress(now - start));
        }

        TimeSpan elapsed = Clock.Now - start;
        progress?.Invoke(Progress(elapsed) with { Part = 1 });
        return new PlatformResult(platform, tally, elapsed, null, Skipped: false);

        CheckProgress Progress(TimeSpan elapsed) => new(
            platform.Name, platformIndex, plan.Platforms.Length, Part(caseCount, tally.CaseCount, elapsed, share), tally.CaseCount, tally.OpCount, elapsed);
    }

    private (CaseId Case, History History, Verdict.Diverges Verdict)? RunCase(CheckPlan plan, NamedPlatform platform, long index, Tally tally)
    {
        Profile? profile = plan.Profiles.IsEmpty ? null : plan.Profiles[(int)(index % plan.Profiles.Length)];
        Scenario scenario = Generator.Case(plan.Seed, index, platform.Platform, profile);
        History history = new(scenario, TargetRun.Run(target, scenario).Answers);
        tally.CountCase();
        return Judge.Check(history, tally) is Verdict.Diverges verdict
            ? (new CaseId(platform.Name, profile?.Name, plan.Seed, index), history, verdict)
            : null;
    }

    private static double Part(long? caseCount, long cases, TimeSpan elapsed, TimeSpan? share)
    {
        double byCases = caseCount is { } count && count > 0 ? (double)cases / count : 0;
        double byTime = share is { } time && time > TimeSpan.Zero ? elapsed / time : 0;
        return Math.Min(1, Math.Max(byCases, byTime));
    }
}
