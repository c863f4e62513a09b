using System.CommandLine;
using IommuHarness.Targets;
using IommuHarness.Trace;

namespace IommuVerify;

/// <summary>The exit codes, the same for every verb.</summary>
internal static class ExitCode
{
    public const int Conforms = 0;
    public const int Diverges = 1;
    public const int BadInput = 2;
    public const int Defect = 3;
    public const int TargetNotStarted = 4;
}

/// <summary>Parses the command line, runs the verb, and turns every way to end into an exit code and a message.</summary>
internal static class Runner
{
    private const string DefaultVerb = "check";

    public static int Run(RootCommand root, string[] args)
    {
        ParseResult parsed = root.Parse(WithVerb(args));
        if (parsed.Errors.Count > 0)
            return Fail(ExitCode.BadInput, UsageError(root, args, parsed));
        try
        {
            return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        }
        catch (InputException e)
        {
            return Fail(ExitCode.BadInput, e.Message);
        }
        catch (TargetStartException e)
        {
            return Fail(ExitCode.TargetNotStarted, e.Message);
        }
        catch (Exception e)
        {
            return Fail(ExitCode.Defect, $"""
                a defect of iommu-verify itself, not of what it checks: {e.GetType().Name}: {e.Message}
                Please report it to the maintainers of iommu-verify with the command line, the version and these lines:
                {e.StackTrace}
                """);
        }
    }

    /// <summary>Without a verb, options are check's.</summary>
    private static string[] WithVerb(string[] args) =>
        args is [] || (args[0].StartsWith('-') && args[0] is not ("-h" or "-?" or "--help" or "--version")) ? [DefaultVerb, .. args] : args;

    // The parser reports an unknown verb as an argument too many; a person looks for the verbs there are.
    private static string UsageError(RootCommand root, string[] args, ParseResult parsed)
    {
        bool knownVerb = args is [] || args[0].StartsWith('-') || root.Subcommands.Any(verb => verb.Name == args[0]);
        return knownVerb
            ? $"{parsed.Errors[0].Message.TrimEnd('.')} (iommu-verify {parsed.CommandResult.Command.Name} --help says what there is)"
            : $"expected a verb ({string.Join(", ", root.Subcommands.Select(verb => verb.Name))}), found {args[0]}";
    }

    private static int Fail(int code, string message)
    {
        Console.Error.WriteLine($"iommu-verify: {message}");
        return code;
    }
}
