using System.Collections.Immutable;
using IommuHarness.Check;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Targets;

/// <summary>
/// Answers with what a history file recorded, as long as it is asked what was asked then. From the first operation that
/// differs on it cannot know the answer and says <see cref="Observation.Unsupported"/>.
/// </summary>
public sealed class FileTarget : ITarget
{
    private readonly Scenario recorded;
    private readonly ImmutableArray<Observation> answers;

    private FileTarget(string name, Scenario recorded, ImmutableArray<Observation> answers)
    {
        Name = name;
        this.recorded = recorded;
        this.answers = answers;
    }

    public string Name { get; }

    /// <summary>Reads a history.</summary>
    /// <exception cref="InputException">The file is missing, broken, or a scenario without answers.</exception>
    public static FileTarget Load(string path)
    {
        TraceFile file = InputFiles.ReadTrace(path);
        return file.Observations is { } observations
            ? new FileTarget("file:" + path, file.Scenario, observations)
            : throw new InputException(path, 0, 0, "a history, with an answer after each operation", "a scenario without answers");
    }

    public bool Supports(Platform platform) => platform == recorded.Platform;

    public ImmutableArray<Observation> Run(Scenario scenario)
    {
        int same = 0;
        int common = Math.Min(scenario.Ops.Length, recorded.Ops.Length);
        while (same < common && scenario.Ops[same] == recorded.Ops[same])
            same++;

        // A recording that ends early is of a target that died; it has no more answers, not unsupported ones.
        if (same >= answers.Length && answers.Length < recorded.Ops.Length)
            return answers;
        return [.. answers.Take(same), .. Enumerable.Repeat(Observation.Unsupported.Instance, scenario.Ops.Length - same)];
    }
}
