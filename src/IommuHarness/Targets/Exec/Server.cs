using System.Collections.Immutable;
using System.Text;
using IommuHarness.Generate;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Targets.Exec;

/// <summary>The other side of <see cref="ExecTarget"/>: lets any target answer scenarios that come as text.</summary>
public static class Server
{
    /// <summary>Serves until the input ends.</summary>
    /// <param name="target">Who answers.</param>
    /// <param name="input">Scenarios, an empty line after each.</param>
    /// <param name="output">The same with their answers.</param>
    /// <param name="errors">What the target died of, where it says.</param>
    /// <exception cref="InputException">What came is no scenario.</exception>
    public static void Serve(ITarget target, TextReader input, TextWriter output, TextWriter errors)
    {
        StringBuilder text = new();
        while (input.ReadLine() is { } line)
        {
            if (line.Length > 0)
            {
                text.Append(line).Append('\n');
                continue;
            }

            Answer(target, TraceText.Read(text.ToString(), "standard input").Scenario, output, errors);
            output.Write('\n');
            output.Flush();
            text.Clear();
        }
    }

    private static void Answer(ITarget target, Scenario scenario, TextWriter output, TextWriter errors)
    {
        output.Write($"iommu-trace 1\n{PlatformText.Write(scenario.Platform)}\n");
        bool supported = target.Supports(scenario.Platform);
        if (scenario.Ops.IsEmpty)
            WriteAboutTarget(target, supported, output);
        else if (!supported)
            throw new InputException("standard input", 2, 1, $"a platform that {target.Name} plays", PlatformText.Write(scenario.Platform));
        else if (target is IStepTarget steps)
            WriteSteps(steps, scenario, output);
        else
            WriteAnswers(target, scenario, output, errors);
    }

    private static void WriteAboutTarget(ITarget target, bool supported, TextWriter output)
    {
        if (!supported)
            output.Write("unsupported\n");
        if (target.Version is { } version)
            output.Write($"version {version.ReplaceLineEndings(" ")}\n");
        foreach (NamedPlatform own in target.OwnPlatforms ?? [])
            output.Write($"offers {own.Name} {PlatformText.Write(own.Platform)}\n");
    }

    // Each answer leaves at once: the next operation may be the last that this process does.
    private static void WriteSteps(IStepTarget target, Scenario scenario, TextWriter output)
    {
        int index = 0;
        foreach (Observation answer in target.Answers(scenario))
        {
            Write(scenario.Ops[index++], answer, output);
            output.Flush();
        }
    }

    private static void WriteAnswers(ITarget target, Scenario scenario, TextWriter output, TextWriter errors)
    {
        TargetRun run = TargetRun.Run(target, scenario);
        ImmutableArray<Observation> answers = run.Answers;
        for (int i = 0; i < answers.Length; i++)
            Write(scenario.Ops[i], answers[i], output);
        if (answers.Length < scenario.Ops.Length && answers is not [.., Observation.Crashed or Observation.Hung])
            Write(scenario.Ops[answers.Length], Observation.Hung.Instance, output);
        if (run.Crash is { } crash)
            errors.WriteLine($"{crash.GetType().Name}: {crash.Message.ReplaceLineEndings(" ")}");
    }

    private static void Write(Op op, Observation answer, TextWriter output) =>
        output.Write($"{OpText.Write(op)}\n  = {ObservationText.Write(answer)}\n");
}
