using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using IommuHarness.Coverage;
using IommuHarness.Generate;
using IommuHarness.Targets;
using IommuSpec;

namespace IommuHarness.Check;

/// <summary>
/// Runs every scenario of up to so many operations of a tiny universe, counted through like a number whose digits are operations;
/// the shorter ones first, so that the first divergence is the shortest.
/// </summary>
/// <remarks>
/// A state of the specification that was met before is not worked out again: the judge walks a graph of states by value. The target is
/// spared nothing for that, since what it keeps in its caches shows from outside only when it is used: two scenarios that come to
/// the same state of the specification, by other orders of independent operations or by requests that were refused or only asked
/// something, may leave different caches behind, and telling those apart is what such a run is for. What is left out is what is asked
/// anyway: a scenario is also every shorter one that it begins with, so each is judged from the operation on in which it differs from
/// the one before, and nothing goes on from a divergence.
/// </remarks>
public sealed class ExhaustiveChecker(ITarget target)
{
    /// <summary>Scenarios between two looks at the clock.</summary>
    private const int Batch = 256;

    private static readonly TimeSpan ReportEvery = TimeSpan.FromMilliseconds(200);

    /// <summary>Runs a plan. A platform stops at its first divergence; the others go on.</summary>
    /// <param name="plan">What to run.</param>
    /// <param name="progress">Told a few times a second, and at the end of each platform.</param>
    /// <param name="cancel">Ends the run after the scenario at work.</param>
    public ExhaustiveResult Run(ExhaustivePlan plan, Action<CheckProgress>? progress = null, CancellationToken cancel = default)
    {
        ImmutableArray<ExhaustivePlatform>.Builder results = ImmutableArray.CreateBuilder<ExhaustivePlatform>();
        for (int i = 0; i < plan.Platforms.Length && !cancel.IsCancellationRequested; i++)
        {
            NamedPlatform platform = plan.Platforms[i];
            Universe universe = Universe.Of(platform.Platform);
            results.Add(target.Supports(platform.Platform)
                ? new Share(target, plan, i, universe, progress, cancel).Run()
                : new ExhaustivePlatform(platform, universe, 0, 0, new Tally(), TimeSpan.Zero, null, Skipped: true));
        }

        return new ExhaustiveResult(plan.Length, results.DrainToImmutable(), cancel.IsCancellationRequested);
    }

    /// <summary>One platform's scenarios.</summary>
    private sealed class Share(
        ITarget target, ExhaustivePlan plan, int platformIndex, Universe universe, Action<CheckProgress>? progress, CancellationToken cancel)
    {
        private readonly NamedPlatform platform = plan.Platforms[platformIndex];
        private readonly Tally tally = new();
        private readonly TimeSpan start = Clock.Now;
        private TimeSpan reported = Clock.Now;
        private long opCount;

        public ExhaustivePlatform Run()
        {
            SceneJudge[] judges = [.. universe.Scenes.Select(scene => new SceneJudge(platform.Platform, universe, scene, plan.Length))];
            Finding? finding = null;
            TimeSpan? spent = null;
            for (int length = 1; length <= plan.Length && finding is null; length++)
            {
                for (int scene = 0; scene < judges.Length && finding is null; scene++)
                {
                    if (RunLength(judges[scene], length) is not { } history)
                        continue;
                    spent = Clock.Now - start;
                    finding = Minimise(history, length);
                }
            }

            TimeSpan elapsed = spent ?? Clock.Now - start;
            progress?.Invoke(Progress(elapsed) with { Part = 1 });
            return new ExhaustivePlatform(platform, universe, opCount, judges.Sum(judge => judge.StateCount), tally, elapsed, finding, Skipped: false);
        }

        /// <summary>Every scenario of a length from one scene; the history of the first that diverges.</summary>
        private History? RunLength(SceneJudge judge, int length)
        {
            int[] digits = new int[length];
            do
            {
                Scenario scenario = judge.Scenario(digits);
                History history = new(scenario, TargetRun.Run(target, scenario).Answers);
                tally.CountCase();
                opCount += length;
                if (!judge.Allows(digits, history, tally))
                    return history;
                if (tally.CaseCount % Batch == 0 && IsStopped())
                    return null;
            }
            while (Count(digits, universe.Ops.Length));

            return null;
        }

        /// <summary>The next number; false where that was the last.</summary>
        private static bool Count(Span<int> digits, int radix)
        {
            for (int i = digits.Length - 1; i >= 0; i--)
            {
                if (++digits[i] < radix)
                    return true;
                digits[i] = 0;
            }

            return false;
        }

        private bool IsStopped()
        {
            TimeSpan now = Clock.Now;
            if (now - reported >= ReportEvery)
            {
                reported = now;
                progress?.Invoke(Progress(now - start));
            }

            return cancel.IsCancellationRequested;
        }

        private CheckProgress Progress(TimeSpan elapsed) =>
            new(platform.Name, platformIndex, plan.Platforms.Length, tally.CaseCount / ScenarioCount(), tally.CaseCount, opCount, elapsed);

        private double ScenarioCount()
        {
            double count = 0;
            for (int length = 1; length <= plan.Length; length++)
                count += universe.Scenes.Length * Math.Pow(universe.Ops.Length, length);
            return count;
        }

        private Finding Minimise(History history, int length)
        {
            string where = string.Create(CultureInfo.InvariantCulture, $"platform {platform.Name}, every scenario of {length} operations, number {tally.CaseCount}");
            return Judge.Check(history) is Verdict.Diverges verdict
                ? Minimiser.Minimise(target, where, null, history, verdict)
                : throw new InvalidOperationException("An answer that the graph of states does not allow, and the judge does.");
        }
    }

    /// <summary>Judges scenarios of one scene, each from where it differs from the one before it.</summary>
    private sealed class SceneJudge(Platform platform, Universe universe, Scene scene, int longest)
    {
        private readonly StateGraph graph = new(Spec.Start(platform));
        private readonly StateNode?[] nodes = new StateNode[scene.Ops.Length + longest + 1];
        private readonly int[] numbers = new int[scene.Ops.Length + longest];
        private readonly Observation?[] answers = new Observation[scene.Ops.Length + longest];

        public int StateCount => graph.Count;

        public Scenario Scenario(ReadOnlySpan<int> digits)
        {
            Op[] ops = new Op[scene.Ops.Length + digits.Length];
            scene.Ops.CopyTo(ops);
            for (int i = 0; i < digits.Length; i++)
                ops[scene.Ops.Length + i] = universe.Ops[digits[i]];
            return new(platform, ImmutableCollectionsMarshal.AsImmutableArray(ops));
        }

        /// <summary>Whether every answer is allowed; counts what the last one exercised.</summary>
        public bool Allows(ReadOnlySpan<int> digits, History history, Tally tally)
        {
            int last = history.Scenario.Ops.Length - 1;
            nodes[0] = graph.Start;
            int at = 0;
            while (at < last && nodes[at + 1] is not null && numbers[at] == Number(digits, at) && Answer(history, at) == answers[at])
                at++;
            for (; at < last; at++)
            {
                (numbers[at], answers[at], nodes[at + 1]) = (Number(digits, at), Answer(history, at), null);
                if (Next(history, at) is not { } next)
                    return false;
                next.VisitCount++;
                nodes[at + 1] = next;
            }

            // What follows belongs to a longer scenario before this one.
            nodes[last + 1] = null;
            return AllowsLast(Number(digits, last), history, tally);
        }

        private StateNode? Next(History history, int at) => answers[at] is Observation.Unsupported
            ? nodes[at]
            : graph.Step(nodes[at]!, numbers[at], history.Scenario.Ops[at], answers[at]!)?.Next;

        private bool AllowsLast(int number, History history, Tally tally)
        {
            int last = history.Scenario.Ops.Length - 1;
            Op op = history.Scenario.Ops[last];
            Observation seen = Answer(history, last);
            if (seen is Observation.Unsupported)
            {
                tally.CountUnsupported(op);
                return true;
            }

            if (StateGraph.Allows(nodes[last]!, number, op, seen) is not { } rules)
                return false;
            tally.Count(op, seen, rules);
            return true;
        }

        /// <summary>Which operation stands at a place: those of the scene come after the universe's.</summary>
        private int Number(ReadOnlySpan<int> digits, int at) =>
            at < scene.Ops.Length ? universe.Ops.Length + at : digits[at - scene.Ops.Length];

        private static Observation Answer(History history, int at) =>
            at < history.Observations.Length ? history.Observations[at] : Observation.Hung.Instance;
    }
}
