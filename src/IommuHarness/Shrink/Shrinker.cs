using System.Collections.Immutable;
using IommuHarness.Check;
using IommuHarness.Targets;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Shrink;

/// <summary>
/// Makes a scenario that breaks a rule as small as it can and still have it break the same rule. Fixed passes, repeated until
/// none helps, no randomness: the same bug gives the same file.
/// </summary>
public static class Shrinker
{
    /// <summary>Runs of the target that one shrinking may cost.</summary>
    public const int MostRuns = 20_000;

    /// <summary>Of those, so many may end in a crash: each costs the start of a process, where the target has one.</summary>
    public const int MostCrashes = 100;

    /// <summary>And so many in a hang: each costs a deadline.</summary>
    public const int MostHangs = 10;

    /// <summary>
    /// Shrinks what a target answers wrongly. A scenario that does not break the rule comes back unchanged.
    /// </summary>
    public static Scenario Shrink(Scenario scenario, ITarget target, RuleId rule) =>
        Shrink(scenario, new Deaths(target, target.OwnPlatforms is null ? null : scenario.Platform).Broken, rule);

    /// <summary>Shrinks by a judge of any kind.</summary>
    /// <param name="scenario">Where to start.</param>
    /// <param name="breaks">The rule that a scenario breaks; null where it breaks none. The same answer every time.</param>
    /// <param name="rule">The one rule that counts.</param>
    /// <param name="mostRuns">How often <paramref name="breaks"/> may be asked.</param>
    public static Scenario Shrink(Scenario scenario, Func<Scenario, RuleId?> breaks, RuleId rule, int mostRuns = MostRuns) =>
        new Run(scenario, breaks, rule, mostRuns).ToTheEnd();

    /// <summary>A target that may die while it is asked; when it has died too often, it is not asked any more.</summary>
    /// <param name="target">Which.</param>
    /// <param name="own">
    /// Its own platform, which is not made plainer: what it declares is how the target is, and without that another deviation would be found.
    /// </param>
    private sealed class Deaths(ITarget target, Platform? own)
    {
        private int crashes;
        private int hangs;

        /// <summary>The rule that a target's answers to a scenario break; null where they conform.</summary>
        public RuleId? Broken(Scenario scenario)
        {
            if (crashes >= MostCrashes || hangs >= MostHangs || !(own is null ? target.Supports(scenario.Platform) : own == scenario.Platform))
                return null;
            ImmutableArray<Observation> answers = TargetRun.Run(target, scenario).Answers;
            if (Judge.Check(new(scenario, answers)) is not Verdict.Diverges diverges)
                return null;
            crashes += diverges.Seen is Observation.Crashed ? 1 : 0;
            hangs += diverges.Seen is Observation.Hung ? 1 : 0;
            return diverges.Rule;
        }
    }

    private sealed class Run(Scenario start, Func<Scenario, RuleId?> breaks, RuleId rule, int mostRuns)
    {
        private const int FewOps = 24;
        private static readonly ImmutableArray<ulong> Usual = [0, 1, 2, 3, 8, 0x1000, 0x2000, 0x10000];
        private Scenario best = start;
        private ScenarioSize bestSize = ScenarioSize.Of(start);
        private int left = mostRuns;

        internal Scenario ToTheEnd()
        {
            left--;
            if (breaks(best) != rule)
                return best;
            ScenarioSize before;
            do
            {
                before = bestSize;
                DropTail();
                DropChunks();
                DropPairs();
                RenameSlots();
                ClearSharedBits();
                MoveRawPaths();
                SimplifyShared();
                SimplifyEach();
                DefaultProperties();
            }
            while (bestSize < before && left > 0);
            return best;
        }

        // ---- candidates

        /// <summary>Takes a candidate if it is smaller and breaks the same rule.</summary>
        private bool Try(Scenario candidate)
        {
            ScenarioSize size = ScenarioSize.Of(candidate);
            if (size >= bestSize || left <= 0)
                return false;
            left--;
            if (breaks(candidate) != rule)
                return false;
            (best, bestSize) = (candidate, size);
            return true;
        }

        private bool TryOps(ImmutableArray<Op> ops) => Try(best with { Ops = ops });

        /// <summary>Tries other arguments all over; operations that the change makes impossible stay as they are.</summary>
        private bool TryArguments(Func<Argument, ulong> change)
        {
            ImmutableArray<Op>.Builder ops = ImmutableArray.CreateBuilder<Op>(best.Ops.Length);
            foreach (Op op in best.Ops)
                ops.Add(Changed(op, change));
            return TryOps(ops.MoveToImmutable());
        }

        private static Op Changed(Op op, Func<Argument, ulong> change)
        {
            Argument[] arguments = OpArguments.Of(op);
            for (int i = 0; i < arguments.Length; i++)
                arguments[i] = arguments[i] with { Value = change(arguments[i]) };
            return OpArguments.With(op, arguments) ?? op;
        }

        // ---- fewer operations

        /// <summary>The shortest beginning that still breaks the rule. What breaks it is in there, so halving finds it.</summary>
        private void DropTail()
        {
            int enough = best.Ops.Length;
            int few = 0;
            while (few < enough)
            {
                int middle = (few + enough) / 2;
                if (TryOps(best.Ops[..middle]))
                    enough = middle;
                else
                    few = middle + 1;
            }
        }

        private void DropChunks()
        {
            for (int size = best.Ops.Length / 2; size >= 1; size /= 2)
            {
                for (int at = best.Ops.Length - size; at >= 0; at = Math.Min(at - size, best.Ops.Length - size))
                    TryOps(best.Ops.RemoveRange(at, size));
            }
        }

        /// <summary>Two that only make sense together, such as a map and its unmap.</summary>
        private void DropPairs()
        {
            if (best.Ops.Length > FewOps)
                return;
            for (int second = best.Ops.Length - 1; second > 0; second--)
            {
                for (int first = second - 1; first >= 0; first--)
                {
                    if (second < best.Ops.Length && TryOps(best.Ops.RemoveAt(second).RemoveAt(first)))
                        break;
                }
            }
        }

        // ---- simpler arguments

        /// <summary>Devices and domains become low slots, everywhere at once.</summary>
        private void RenameSlots()
        {
            foreach (ArgumentKind kind in (ReadOnlySpan<ArgumentKind>)[ArgumentKind.Device, ArgumentKind.Domain])
            {
                foreach (ulong slot in Values(kind))
                {
                    for (ulong to = 0; to < Math.Min(slot, 4); to++)
                    {
                        if (TryArguments(a => a.Kind == kind && a.Value == slot ? to : a.Value))
                            break;
                    }
                }
            }
        }

        /// <summary>Moves all IOVAs, or all physical addresses and pointers to them, by one address bit.</summary>
        private void ClearSharedBits()
        {
            for (int bit = 63; bit >= 0; bit--)
            {
                ulong mask = 1UL << bit;
                TryArguments(a => a.Kind == ArgumentKind.Iova ? a.Value & ~mask : a.Value);
                if (bit is >= 12 and <= 51)
                    TryArguments(a => a.Kind is ArgumentKind.Physical or ArgumentKind.Word ? a.Value & ~mask : a.Value);
            }
        }

        /// <summary>Moves all IOVAs by one bit, and the table entry that this bit selects to the other place in its table.</summary>
        private void MoveRawPaths()
        {
            if (best.Ops.Length > FewOps || best.Platform.Contexts == ContextMode.Software)
                return;
            for (int bit = 56; bit >= Platform.GranuleLg2; bit--)
            {
                ulong mask = 1UL << bit;
                ulong place = 8UL << ((bit - Platform.GranuleLg2) % 9);
                if (!Values(ArgumentKind.Iova).Any(iova => (iova & mask) != 0))
                    continue;
                foreach (ulong entry in Values(ArgumentKind.Physical).Where(entry => (entry & place) != 0))
                {
                    if (TryArguments(a => a.Kind == ArgumentKind.Iova ? a.Value & ~mask
                            : a.Kind == ArgumentKind.Physical && a.Value == entry ? a.Value & ~place
                            : a.Value))
                        break;
                }
            }
        }

        /// <summary>A value that occurs more than once, everywhere at once.</summary>
        private void SimplifyShared()
        {
            foreach (ArgumentKind kind in (ReadOnlySpan<ArgumentKind>)
                [ArgumentKind.Iova, ArgumentKind.Length, ArgumentKind.Physical, ArgumentKind.Word, ArgumentKind.DomainId])
            {
                foreach (ulong value in Values(kind))
                    Simplify(new(kind, value), (now, simpler) => TryArguments(a => a.Kind == kind && a.Value == now ? simpler : a.Value));
            }
        }

        private void SimplifyEach()
        {
            for (int at = 0; at < best.Ops.Length; at++)
            {
                Argument[] arguments = OpArguments.Of(best.Ops[at]);
                for (int index = 0; index < arguments.Length; index++)
                {
                    (int where, int which) = (at, index);
                    Simplify(arguments[index], (_, simpler) => TryArgument(where, which, simpler));
                }
            }
        }

        private bool TryArgument(int at, int index, ulong value)
        {
            Argument[] arguments = OpArguments.Of(best.Ops[at]);
            if (index >= arguments.Length)
                return false;
            arguments[index] = arguments[index] with { Value = value };
            return OpArguments.With(best.Ops[at], arguments) is { } op && TryOps(best.Ops.SetItem(at, op));
        }

        /// <summary>Tries simple values, then the value without one of its bits after the other.</summary>
        private static void Simplify(Argument argument, Func<ulong, ulong, bool> replace)
        {
            ulong now = argument.Value;
            if (argument.Kind is ArgumentKind.Device or ArgumentKind.Domain or ArgumentKind.Small)
            {
                for (ulong small = 0; small < Math.Min(now, 64); small++)
                {
                    if (replace(now, small))
                        return;
                }

                return;
            }

            foreach (ulong usual in Usual)
                Replace(usual);
            Replace(now & ~(Platform.Granule - 1));
            for (int bit = 63; bit >= 0; bit--)
                Replace(now & ~(1UL << bit));

            void Replace(ulong simpler)
            {
                if (ScenarioSize.WeightOf(argument with { Value = simpler }) < ScenarioSize.WeightOf(argument with { Value = now })
                    && replace(now, simpler))
                    now = simpler;
            }
        }

        /// <summary>The distinct values of a kind, in the order in which they occur.</summary>
        private List<ulong> Values(ArgumentKind kind)
        {
            List<ulong> values = [];
            foreach (Op op in best.Ops)
            {
                foreach (Argument argument in OpArguments.Of(op))
                {
                    if (argument.Kind == kind && !values.Contains(argument.Value))
                        values.Add(argument.Value);
                }
            }

            return values;
        }

        // ---- a plainer platform

        private void DefaultProperties()
        {
            foreach (PlatformProperty property in PlatformProperties.All)
            {
                Platform plainer = property.With(best.Platform, property.DefaultIndex);
                if (PlatformProperties.LevelsFit(plainer) && PlatformProperties.ContextsFit(plainer))
                    Try(best with { Platform = plainer });
            }
        }
    }
}
