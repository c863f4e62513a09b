using System.Collections.Immutable;
using System.Globalization;
using IommuHarness.Check;
using IommuHarness.Generate;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Targets.Exec;

/// <summary>How an exchange of one scenario ended.</summary>
internal enum ExchangeEnd
{
    /// <summary>With an empty line: every operation has its answer, or the last answer is crashed or hung.</summary>
    Complete,

    /// <summary>The program ended, or said something that is no answer.</summary>
    Died,

    TimedOut,
}

/// <summary>One exchange with a program: a scenario, the answers that came, and how it ended.</summary>
/// <param name="End">How it ended.</param>
/// <param name="Answers">Those that came before.</param>
/// <param name="Why">What was wrong, where something was.</param>
internal sealed record Exchange(ExchangeEnd End, ImmutableArray<Observation> Answers, string? Why)
{
    /// <summary>The program does not play the platform.</summary>
    public bool Refused { get; init; }

    /// <summary>The platforms that the program names itself.</summary>
    public ImmutableArray<NamedPlatform> Offers { get; init; } = [];

    /// <summary>Lines that came.</summary>
    public int LineCount { get; init; }

    /// <summary>The program ended by itself and says that all is well.</summary>
    public bool ExitedWell { get; init; }

    /// <summary>What it says about its version.</summary>
    public string? Version { get; init; }
}

/// <summary>
/// Reads a program's answer to one scenario: lines that begin with an equals sign answer the operations in their order; the
/// scenario's own lines may be repeated, each in its place; an empty line ends it. docs/targets.md describes it.
/// </summary>
internal sealed class ExecAnswer(ChildProcess child, string name, Scenario scenario, TimeSpan until)
{
    private readonly ImmutableArray<Observation>.Builder answers = ImmutableArray.CreateBuilder<Observation>();
    private readonly ImmutableArray<NamedPlatform>.Builder offers = ImmutableArray.CreateBuilder<NamedPlatform>();
    private readonly string platformLine = PlatformText.Write(scenario.Platform);
    private string? version;
    private bool refused;
    private int lineNumber;

    private bool IsOver => answers.Count > 0 && answers[^1] is Observation.Crashed or Observation.Hung;

    public Exchange Read()
    {
        try
        {
            while (true)
            {
                switch (child.ReadLine(until, out string line))
                {
                    case LineStatus.TimedOut:
                        return new(ExchangeEnd.TimedOut, answers.DrainToImmutable(), null);
                    case LineStatus.Ended:
                        return Ended();
                    case LineStatus.TooLong:
                        lineNumber++;
                        throw Error(1, "a line of at most " + ChildProcess.LongestLine.ToString(CultureInfo.InvariantCulture) + " bytes", "more without an end");
                    default:
                        lineNumber++;
                        if (line.AsSpan().Trim(" \t\r").IsEmpty)
                            return Complete();
                        Take(line);
                        break;
                }
            }
        }
        catch (InputException e)
        {
            return Died($"its answer cannot be read: {e.Message}");
        }
    }

    // A program that gave every answer and failed then has failed in its last operation, for want of a later one.
    private Exchange Died(string why)
    {
        if (answers.Count == scenario.Ops.Length && answers.Count > 0)
            answers.Count--;
        return new(ExchangeEnd.Died, answers.DrainToImmutable(), why) { LineCount = lineNumber };
    }

    private Exchange Complete()
    {
        if (!refused && answers.Count < scenario.Ops.Length && !IsOver)
            throw Error(1, $"an answer to operation {answers.Count + 1} of {scenario.Ops.Length} ({OpText.Write(scenario.Ops[answers.Count])})", "the end of the answer");
        if (child.HasMore)
            throw new InputException(Where, lineNumber + 1, 1, "nothing after the empty line until the next scenario", "more");
        return new(ExchangeEnd.Complete, answers.DrainToImmutable(), null) { Refused = refused, Offers = offers.DrainToImmutable(), Version = version };
    }

    // A program may also serve one scenario and end; one that fails at its end has failed.
    private Exchange Ended()
    {
        if ((answers.Count == scenario.Ops.Length || IsOver) && lineNumber > 0 && child.ExitedWell())
            return new(ExchangeEnd.Complete, answers.DrainToImmutable(), null) { Refused = refused, Offers = offers.DrainToImmutable(), Version = version };
        return Died($"it {child.End(byItself: true)}") with { ExitedWell = child.ExitedWell() };
    }

    private void Take(string line)
    {
        Cursor c = new(Where, lineNumber, line);
        Token first = c.Peek();
        if (c.Take("="))
            TakeAnswer(c, first);
        else if (scenario.Ops.IsEmpty && TakeAboutItself(c))
            return;
        else if (!IsEcho(line.AsSpan().Trim(" \t\r")))
            throw c.Error(IsOver ? "nothing after an answer of crashed or hung" : Expected(), first);
    }

    private void TakeAnswer(Cursor c, Token first)
    {
        if (IsOver)
            throw c.Error("nothing after an answer of crashed or hung", first);
        if (answers.Count == scenario.Ops.Length)
            throw c.Error(Expected(), first);
        answers.Add(ObservationText.Read(c));
    }

    /// <summary>What a program may say where it is asked whether it plays a platform.</summary>
    private bool TakeAboutItself(Cursor c)
    {
        switch (c.Peek().Text)
        {
            case "unsupported":
                refused = true;
                c.Next();
                c.End();
                return true;
            case "version":
                c.Next();
                version = c.Rest("a version");
                return true;
            case "offers":
                c.Next();
                Token called = c.Next();
                if (called.IsEnd)
                    throw c.Error("a platform's name", called);
                offers.Add(new(called.Text, PlatformText.Read(c)));
                return true;
            default:
                return false;
        }
    }

    private bool IsEcho(ReadOnlySpan<char> line) =>
        answers.Count < scenario.Ops.Length && line.SequenceEqual(OpText.Write(scenario.Ops[answers.Count]))
        || answers.Count == 0 && (line.SequenceEqual("iommu-trace 1") || line.SequenceEqual(platformLine));

    private string Expected() => answers.Count == scenario.Ops.Length
        ? "an empty line, as every operation has its answer"
        : $"an answer to operation {answers.Count + 1} (= …) or that operation again ({OpText.Write(scenario.Ops[answers.Count])})";

    private string Where => "answer of " + name;

    private InputException Error(int column, string expected, string found) => new(Where, lineNumber, column, expected, found);
}
