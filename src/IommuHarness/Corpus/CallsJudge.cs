using System.Collections.Immutable;
using IommuHarness.Check;
using IommuHarness.Coverage;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Corpus;

/// <summary>A recorded call whose answer the specification does not allow.</summary>
/// <param name="Line">The call's line in the file.</param>
/// <param name="Call">What was asked, in the words of a trace.</param>
/// <param name="Seen">What was answered.</param>
/// <param name="Allowed">What could have been answered, one line a choice.</param>
/// <param name="Rule">The rule that the answer breaks.</param>
public sealed record CallDivergence(int Line, string Call, string Seen, ImmutableArray<string> Allowed, RuleId Rule);

/// <summary>What the specification says about a recording.</summary>
/// <param name="CallCount">Calls judged: all of them.</param>
/// <param name="Divergences">Calls whose answer is not allowed, in order.</param>
/// <param name="End">The state afterwards.</param>
/// <param name="Elapsed">Time taken.</param>
public sealed record CallsVerdict(int CallCount, ImmutableArray<CallDivergence> Divergences, State End, TimeSpan Elapsed)
{
    /// <summary>Whether every answer was allowed.</summary>
    public bool Conforms => Divergences.IsEmpty;

    public double CallsPerSecond => CallCount / Math.Max(Elapsed.TotalSeconds, 1e-9);
}

/// <summary>Judges what a kernel answered by the specification.</summary>
public static class CallsJudge
{
    /// <summary>
    /// Judges all calls. Unlike a history, a recording may have lost calls: after an answer that is not allowed the specification goes on with
    /// its own first answer, so that one lost call does not hide what follows.
    /// </summary>
    /// <param name="recording">The calls.</param>
    /// <param name="platform">What was declared about the kernel's driver.</param>
    /// <param name="tally">Counts what was exercised, where given.</param>
    public static CallsVerdict Judge(Recording recording, Platform platform, Tally? tally = null)
    {
        History history = recording.ToHistory(platform, out ImmutableArray<int> lines);
        (ImmutableArray<CallDivergence> divergences, State end) = Follow(history, lines, tally);
        // Timed on a second pass: the first one compiles the code as well.
        TimeSpan start = Clock.Now;
        Follow(history, lines, tally: null);
        return new CallsVerdict(recording.Calls.Length, divergences, end, Clock.Now - start);
    }

    private static (ImmutableArray<CallDivergence> Divergences, State End) Follow(History history, ImmutableArray<int> lines, Tally? tally)
    {
        var divergences = ImmutableArray.CreateBuilder<CallDivergence>();
        State state = Spec.Start(history.Scenario.Platform);
        for (int i = 0; i < lines.Length; i++)
        {
            (Op op, Observation seen) = (history.Scenario.Ops[i], history.Observations[i]);
            Allowed allowed = Spec.Step(state, op);
            Way? way = allowed.Match(seen);
            if (way is null)
                divergences.Add(new CallDivergence(lines[i], OpText.Write(op), ObservationText.Write(seen), allowed.Describe(), allowed.Broken(seen)));
            else
                tally?.Count(op, seen, way.Rules);
            state = (way ?? allowed.Ways().First()).Next;
        }
        return (divergences.ToImmutable(), state);
    }

    /// <summary>The platform of the capture that stands beside a recording under the same name.</summary>
    /// <param name="path">Path of the <c>.calls</c> file.</param>
    /// <exception cref="InputException">There is no such capture, or it has no tables.</exception>
    public static Platform PlatformBeside(string path) => PlatformOf(CaptureBeside(path)
        ?? throw new InputException(Path.GetFileName(path), 0, 0, $"a capture {Path.GetFileName(Path.ChangeExtension(path, ".json"))} beside it, or --platform", "neither"));

    /// <summary>The platform of the kernel calls that built a capture's tables.</summary>
    /// <exception cref="InputException">The capture has no tables.</exception>
    public static Platform PlatformOf(Capture capture) =>
        capture.Spaces.IsEmpty
            ? throw new InputException(capture.FileName, 0, 0, "page tables that say which platform the calls were made on", "none")
            : capture.SoftwarePlatform(capture.Spaces[0]);

    /// <summary>The capture that stands beside a recording under the same name; null where none does.</summary>
    /// <param name="path">Path of the <c>.calls</c> file.</param>
    /// <exception cref="InputException">It is no capture.</exception>
    public static Capture? CaptureBeside(string path) =>
        Path.ChangeExtension(path, ".json") is var beside && File.Exists(beside) ? CaptureFile.Load(beside) : null;
}
