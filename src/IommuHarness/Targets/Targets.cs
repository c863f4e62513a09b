using System.Globalization;
using IommuHarness.Mutants;
using IommuHarness.Targets.Exec;
using IommuHarness.Targets.Lib;
using IommuHarness.Targets.Qemu;
using IommuHarness.Trace;

namespace IommuHarness.Targets;

/// <summary>Targets by the names that the command line gives them.</summary>
public static class Targets
{
    private const string Known =
        "impl, spec:first, spec:last, spec:random[:SEED], mutant:NAME, file:HISTORY, exec:PROGRAM [ARGUMENTS], lib:PATH or qemu:MACHINE";

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
            ("qemu", not "") when QemuTarget.Kinds.Contains(rest) => QemuTarget.Start(rest),
            ("qemu", _) => throw new InputException("--target", 0, 0, $"an emulated machine ({string.Join(", ", QemuTarget.Kinds.Select(kind => "qemu:" + kind))})", name),
            ("mutant", not "") => MutantTarget.Load(rest),
            ("exec", not "") => ExecTarget.Start(name, ExecTarget.Words(rest), options.Deadline),
            ("lib", not "") => Library(name, rest, options),
            _ => throw Unknown(name),
        };
    }

    // In a process of its own, what a library does wrong to memory is a finding and not the end of the run.
    private static ITarget Library(string name, string path, TargetOptions options)
    {
        if (options.InProcess)
            return LibTarget.Load(name, path);
        if (!File.Exists(path))
            throw new InputException(path, 0, 0, "a shared library", "no file of that name");
        return options.Self is { IsEmpty: false } self
            ? ExecTarget.Start(name, [.. self, "serve", name], options.Deadline)
            : throw new TargetStartException($"{name} could not be started: this program cannot start itself again (--in-process does without)");
    }

    private static ulong Seed(string name, string text) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong seed) ? seed : throw Unknown(name);

    private static InputException Unknown(string name) => new("--target", 0, 0, $"a target ({Known})", name.Length == 0 ? "nothing" : name);
}
