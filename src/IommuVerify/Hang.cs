using IommuHarness.Check;
using IommuHarness.Targets;
using IommuHarness.Targets.Exec;
using IommuSpec;

namespace IommuVerify;

/// <summary>Targets in this process that never come back.</summary>
internal static class Hang
{
    /// <summary>Runs a verb's work on a target. Where the target never comes back, that is said, and the process ends.</summary>
    public static int Watched(ITarget target, TargetOptions options, Func<ITarget, int> work) =>
        Watched(target, options, work, _ =>
            Console.Error.WriteLine($"iommu-verify: {target.Name} hung: no answer within {options.Deadline.TotalSeconds:0.###} s"));

    /// <summary>The same, with something to do between the hang and the end.</summary>
    public static int Watched(ITarget target, TargetOptions options, Func<ITarget, int> work, Action<Scenario> onHang)
    {
        if (!Watchdog.IsFor(target))
            return work(target);
        using Watchdog watchdog = new(target, options.Deadline, scenario =>
        {
            onHang(scenario);
            Console.Out.Flush();
            // No way past the thread that hangs: what would be cleaned up at an orderly end is waiting behind it.
            Environment.Exit(ExitCode.Diverges);
        });
        return work(watchdog);
    }

    /// <summary>The finding that a scenario is: shrunk by a child process, which can be killed each time that it hangs.</summary>
    public static Finding Finding(ITarget target, TargetOptions options, Scenario scenario)
    {
        History history = new(scenario, []);
        Verdict.Diverges verdict = (Verdict.Diverges)Judge.Check(history);
        const string Where = "a scenario that ended this run";
        try
        {
            using ExecTarget child = ExecTarget.Start(target.Name, [.. options.Self, "serve", target.Name], options.Deadline);
            FindingCollector collector = new(child);
            collector.Add(Where, null, history, verdict, null);
            if (collector.Findings is [var finding])
                return finding;
        }
        catch (TargetStartException)
        {
            // What cannot be shrunk is kept as it is.
        }

        return Minimiser.Unrepeated(Where, history, verdict);
    }
}
