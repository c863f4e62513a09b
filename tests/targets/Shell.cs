using IommuHarness.Targets.Exec;

namespace IommuVerify.Tests.Targets;

/// <summary>Programs for a shell that speak the protocol, or do not.</summary>
internal static class Shell
{
    public static readonly TimeSpan Deadline = TimeSpan.FromMilliseconds(400);

    /// <summary>
    /// A program that says of every platform that it plays it, and runs a command where operations are asked. In the command, $count is their number.
    /// </summary>
    public static string Script(string command) => $$"""
        count=-2
        while IFS= read -r line; do
            if [ -n "$line" ]; then count=$((count + 1)); continue; fi
            if [ $count -gt 0 ]; then
                {{command}}
            fi
            count=-2
            echo
        done
        """;

    /// <summary>Starts such a program.</summary>
    public static ExecTarget Start(string command) => Run(Script(command));

    /// <summary>Starts a script.</summary>
    public static ExecTarget Run(string script) => ExecTarget.Start("exec:sh", ["sh", "-c", script], Deadline);
}
