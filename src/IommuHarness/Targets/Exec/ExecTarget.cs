using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using IommuHarness.Check;
using IommuHarness.Generate;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Targets.Exec;

/// <summary>
/// A program that reads scenarios as text and answers them. A program that dies, says what is no answer, or is silent beyond the
/// deadline is killed with everything that it started, and the next scenario is given to a new one.
/// </summary>
public sealed class ExecTarget : ITarget, IDisposable
{
    /// <summary>A program that has just been started is given so much more time: a runtime needs it.</summary>
    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(10);

    private readonly ImmutableArray<string> command;
    private readonly TimeSpan deadline;
    private readonly Dictionary<Platform, bool> supported = [];
    private ChildProcess? child;
    private bool servesOne;

    private ExecTarget(string name, ImmutableArray<string> command, TimeSpan deadline)
    {
        Name = name;
        this.command = command;
        this.deadline = deadline;
    }

    public string Name { get; }

    public string? Version { get; private set; }

    public ImmutableArray<NamedPlatform>? OwnPlatforms { get; private set; }

    public Exception? LastCrash { get; private set; }

    /// <summary>Starts a program and asks it for the first time.</summary>
    /// <param name="name">What it is called in reports.</param>
    /// <param name="command">The program and its arguments.</param>
    /// <param name="deadline">For each scenario.</param>
    /// <exception cref="TargetStartException">There is no such program, or it does not answer.</exception>
    public static ExecTarget Start(string name, ImmutableArray<string> command, TimeSpan deadline)
    {
        ExecTarget target = new(name, command, deadline);
        Platform first = Platforms.All[0].Platform;
        Exchange hello = target.Ask(new(first, []));
        if (hello.End != ExchangeEnd.Complete)
        {
            target.Dispose();
            throw new TargetStartException($"{name} could not be started: {target.LastCrash!.Message}");
        }

        target.supported.Add(first, !hello.Refused);
        target.Version = hello.Version;
        target.OwnPlatforms = hello.Offers.IsEmpty ? null : hello.Offers;
        return target;
    }

    /// <summary>Splits the words of a command at blanks; single or double quotes keep blanks together.</summary>
    /// <exception cref="InputException">There is none, or a quote does not end.</exception>
    public static ImmutableArray<string> Words(string text)
    {
        ImmutableArray<string>.Builder words = ImmutableArray.CreateBuilder<string>();
        StringBuilder? word = null;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] is '\'' or '"')
            {
                int close = text.IndexOf(text[i], i + 1);
                if (close < 0)
                    throw new InputException("--target", 0, 0, $"another {text[i]} in the command", text);
                (word ??= new()).Append(text.AsSpan(i + 1, close - i - 1));
                i = close;
            }
            else if (text[i] != ' ')
                (word ??= new()).Append(text[i]);
            else if (word is not null)
            {
                words.Add(word.ToString());
                word = null;
            }
        }

        if (word is not null)
            words.Add(word.ToString());
        return words.Count > 0 ? words.DrainToImmutable() : throw new InputException("--target", 0, 0, "a program (exec:PROGRAM ARGUMENTS)", "nothing");
    }

    /// <summary>Asked once for each platform. A program that dies of the question is given the scenarios, so that its end is a finding.</summary>
    public bool Supports(Platform platform)
    {
        if (!supported.TryGetValue(platform, out bool known))
            supported.Add(platform, known = !Ask(new(platform, [])).Refused);
        return known;
    }

    public ImmutableArray<Observation> Run(Scenario scenario)
    {
        Exchange exchange = Ask(scenario);
        if (exchange.End == ExchangeEnd.Complete)
        {
            LastCrash = exchange.Answers is [.., Observation.Crashed or Observation.Hung] ? new ExecException("it says so itself" + LastWords()) : null;
            return exchange.Answers;
        }

        if (scenario.Ops.IsEmpty)
            return [];
        // Answers that were written and not yet sent on are lost with their program: how far it came, shorter scenarios tell.
        return exchange.Answers.IsEmpty && scenario.Ops.Length > 1 ? FindTheEnd(scenario, exchange) : Ending(exchange);
    }

    public void Dispose()
    {
        child?.Dispose();
        child = null;
    }

    /// <summary>The answers of the shortest beginning that ends like the whole scenario; those of the whole where none does.</summary>
    private ImmutableArray<Observation> FindTheEnd(Scenario scenario, Exchange whole)
    {
        Exception? crash = LastCrash;
        (int lives, int dies) = (0, scenario.Ops.Length);
        ImmutableArray<Observation> before = [];
        while (dies - lives > 1)
        {
            // Where nothing was answered, most often the first operation was the end.
            int middle = lives == 0 && dies == scenario.Ops.Length ? 1 : (lives + dies) / 2;
            Exchange part = Ask(scenario with { Ops = scenario.Ops[..middle] });
            if (part.End == ExchangeEnd.Complete && part.Answers.Length == middle)
                (lives, before) = (middle, part.Answers);
            else
                dies = middle;
        }

        LastCrash = crash;
        return Ending(whole with { Answers = before });
    }

    private static ImmutableArray<Observation> Ending(Exchange exchange) =>
        exchange.Answers.Add(exchange.End == ExchangeEnd.TimedOut ? Observation.Hung.Instance : Observation.Crashed.Instance);

    /// <summary>One exchange. After one that is not complete there is no child any more.</summary>
    private Exchange Ask(Scenario scenario)
    {
        LastCrash = null;
        if (child is { HasMore: true } or { HasEnded: true })
            Kill();
        bool isFresh = child is null;
        child ??= ChildProcess.Start(command);
        // Its start takes no time from the scenario, where it answers more than one.
        if (isFresh && !servesOne && !scenario.Ops.IsEmpty && Exchange(new(scenario.Platform, []), deadline + StartTime) is { End: not ExchangeEnd.Complete } failed)
            return failed;
        if (child is null)
            return Ask(scenario);
        Exchange exchange = Exchange(scenario, isFresh && (servesOne || scenario.Ops.IsEmpty) ? deadline + StartTime : deadline);
        bool hadLeft = !isFresh && exchange is { ExitedWell: true, LineCount: 0 };
        servesOne |= hadLeft;
        return hadLeft ? Ask(scenario) : exchange;
    }

    private Exchange Exchange(Scenario scenario, TimeSpan atMost)
    {
        child!.Send(Encoding.UTF8.GetBytes(TraceText.Write(scenario) + "\n"));
        Exchange exchange = new ExecAnswer(child, Name, scenario, Clock.Now + atMost).Read();
        if (exchange.End == ExchangeEnd.Complete)
        {
            servesOne |= child.HasEnded;
            if (child.HasEnded)
                Dispose();
            return exchange;
        }

        string how = child.End(byItself: false);
        LastCrash = new ExecException(exchange.Why ?? string.Create(CultureInfo.InvariantCulture, $"no answer within {atMost.TotalSeconds:0.###} s; it {how}"));
        Kill();
        return exchange;
    }

    private void Kill()
    {
        _ = child?.End(byItself: false);
        Dispose();
    }

    private string LastWords() => child?.LastWords is { Length: > 0 } words ? "; its last words: " + words : "";
}

/// <summary>What ended a program, in words.</summary>
public sealed class ExecException(string message) : Exception(message);
