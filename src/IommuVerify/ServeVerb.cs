using System.CommandLine;
using System.Text;
using IommuHarness.Targets;
using IommuHarness.Targets.Exec;

namespace IommuVerify;

/// <summary><c>serve</c>: any target as a program that answers scenarios on its standard input.</summary>
internal static class ServeVerb
{
    private static readonly Argument<string> Target = new("target") { Description = "Who answers, as for --target" };

    public static Command Create()
    {
        Command command = new("serve", "Answers scenarios that come on standard input, as an exec: target does") { Target };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        // A library is loaded here: whoever asked for this process wanted it away from his own.
        ITarget target = Settings.AnyScenario(Targets.Parse(parsed.GetRequiredValue(Target), Settings.TargetOptions() with { InProcess = true }));
        try
        {
            using StreamReader input = new(Console.OpenStandardInput(), Encoding.UTF8, false, 1 << 16);
            using StreamWriter output = new(Console.OpenStandardOutput(), new UTF8Encoding(false), 1 << 16) { NewLine = "\n" };
            Server.Serve(target, input, output, Console.Error);
            return ExitCode.Conforms;
        }
        finally
        {
            Invocation.End(target);
        }
    }
}
