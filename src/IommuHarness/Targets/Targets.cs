using System.Globalization;
using IommuHarness.Mutants;
using IommuHarness.Targets.Exec;
using IommuHarness.Trace;

namespace IommuHarness.Targets;

/// <summary>Targets by the names that the command line gives them.</summary>
public static class Targets
{
    private const string Known = "impl, spec:first, spec:last, spec:random[:SEED], mutant:NAME, file:HISTORY or exec:PROGRAM [ARGUMENTS]";

    /// <summary>Starts the target of a name.</summary>
    /// <param name="name">The kind of target, then a colon and what the kind needs.</param>
    /// <param name="options">How it is started; null: as usual.</param>
    /// <exception cref="InputException">No target has that name, or its file or mutant does not exist or is broken.</exception>
    /// <exception cref="TargetStartException">It is known but cannot be started.</exception>
    public static ITarget Parse(string name, TargetOptions? options = null)
    {
        options ??= new();
        int colon = name.IndexOf(':', StringComparison.Ordinal);
        string kind = colon < 0 ? name : name[..colon];
        string rest = colon < 0 ? "" : name[(colon + 1)..];
        return (kind, rest) switch
        {
            ("impl", "") => new ImplTarget(),
            ("spec", "first") => SpecTarget.First,
            ("spec", "last") => SpecTarget.Last,
            ("spec", "random") => SpecTarget.Random(1),
            ("spec", _) when rest.StartsWith("random:", StringComparison.Ordinal) => SpecTarget.Random(Seed(name, rest["random:".Length..])),
            ("file", not "") => FileTarget.Load(rest),
            ("mutant", not "") => MutantTarget.Load(rest),
            ("exec", not "") => ExecTarget.Start(name, ExecTarget.Words(rest), options.Deadline),
            _ => throw Unknown(name),
        };
    }

    private static ulong Seed(string name, string text) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong seed) ? seed : throw Unknown(name);

    private static InputException Unknown(string name) => new("--target", 0, 0, $"a target ({Known})", name.Length == 0 ? "nothing" : name);
}
