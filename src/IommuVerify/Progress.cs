using System.Globalization;
using IommuHarness.Check;
using IommuHarness.Report;
using Spectre.Console;

namespace IommuVerify;

/// <summary>
/// What a person sees while they wait, on standard error, so that standard output holds the result alone: a bar where that is a
/// terminal, a line for each platform where it is not.
/// </summary>
internal sealed class Progress : IDisposable
{
    private readonly bool isTerminal = !Console.IsErrorRedirected;
    private readonly IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });

    /// <summary>Something that takes a moment and tells nothing meanwhile.</summary>
    public T Step<T>(string name, Func<T> work)
    {
        if (!isTerminal)
            Console.Error.WriteLine($"{name} …");
        return isTerminal ? console.Status().Start(name, _ => work()) : work();
    }

    /// <summary>Scenarios of platform after platform.</summary>
    public T Scenarios<T>(Func<Action<CheckProgress>, T> work) => isTerminal ? WithBar(work) : work(WriteLine);

    public void Dispose() => Console.Error.Flush();

    private T WithBar<T>(Func<Action<CheckProgress>, T> work) =>
        console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                ProgressTask task = context.AddTask("scenarios");
                return work(at =>
                {
                    task.Description = Markup.Escape(string.Create(
                        CultureInfo.InvariantCulture,
                        $"{at.Platform,-26} {Numbers.PerSecond(at.OpCount, at.Elapsed),10:N0} operations a second"));
                    task.MaxValue = at.PlatformCount;
                    task.Value = at.PlatformIndex + at.Part;
                });
            });

    private static void WriteLine(CheckProgress at)
    {
        if (at.Part >= 1)
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"[{at.PlatformIndex + 1}/{at.PlatformCount}] {at.Platform}: {at.CaseCount:N0} scenarios"));
    }
}
