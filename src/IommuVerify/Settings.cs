using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using IommuHarness.Check;
using IommuHarness.Generate;
using IommuHarness.Targets;
using IommuHarness.Trace;

namespace IommuVerify;

/// <summary>
/// The options that mean the same in every verb. Values are read here and not by the parser, so that a wrong one is said the
/// same way everywhere: what was expected, what was found.
/// </summary>
internal static class Settings
{
    public static Option<string> Target() => new("--target")
    {
        Description = "What is checked: impl, spec:first, spec:last, spec:random[:SEED], mutant:NAME, file:HISTORY, exec:PROGRAM, lib:PATH",
        HelpName = "TARGET",
        DefaultValueFactory = _ => "impl",
    };

    public static Option<string?> Deadline() => new("--deadline")
    {
        Description = "How long a scenario may take before its target counts as hung, for example 500ms or 5s",
        HelpName = "DURATION",
    };

    public static Option<bool> InProcess() => new("--in-process")
    {
        Description = "Loads a lib: target into this process instead of a child: faster, and its crash ends everything",
    };

    public static Option<string?> Platform() => new("--platform")
    {
        Description = "Only these platforms, by name, separated by commas; all without it",
        HelpName = "NAMES",
    };

    public static Option<string?> Profile() => new("--profile")
    {
        Description = "Only these profiles of generated scenarios, separated by commas; a mixture without it",
        HelpName = "NAMES",
    };

    public static Option<string> Seed() => new("--seed")
    {
        Description = "What the generated scenarios follow from: a number, or random",
        HelpName = "SEED",
        DefaultValueFactory = _ => "1",
    };

    public static Option<string?> Cases() => new("--cases")
    {
        Description = "Generated scenarios, all platforms together",
        HelpName = "COUNT",
    };

    public static Option<string?> For() => new("--for")
    {
        Description = "How long, for example 30s, 5m, 8h, 2d; 60s where neither this nor --cases is given",
        HelpName = "DURATION",
    };

    public static Option<bool> StopAtFirst() => new("--stop-at-first")
    {
        Description = "A platform ends with its first divergence; without it, the run goes on and gathers what is different",
    };

    public static Option<string?> Known() => new("--known")
    {
        Description = "Known deviations, a trace or a folder of them: reported is what is none of them, and which of them have gone",
        HelpName = "PATH",
    };

    public static Option<string?> Exhaustive() => new("--exhaustive")
    {
        Description = "Instead of all that: every scenario of up to so many operations of a tiny universe",
        HelpName = "OPERATIONS",
    };

    public static Option<string> Format() => new("--format")
    {
        Description = "text or json",
        HelpName = "FORMAT",
        DefaultValueFactory = _ => "text",
    };

    public static Option<string> Output() => new("--output")
    {
        Description = "The folder that histories of divergences are written to",
        HelpName = "FOLDER",
        DefaultValueFactory = _ => "iommu-verify-out",
    };

    /// <summary>The platforms of those names, or all that the target may be asked about; without a target, of those that every run has.</summary>
    public static ImmutableArray<NamedPlatform> Platforms(string? names, ITarget? target)
    {
        ImmutableArray<NamedPlatform> all = target?.OwnPlatforms ?? IommuHarness.Generate.Platforms.All;
        return names is null ? all : Named(names, "--platform", "a platform", all, platform => platform.Name);
    }

    public static ImmutableArray<Profile> Profiles(string? names) => names is null
        ? []
        : Named(names, "--profile", "a profile", IommuHarness.Generate.Profiles.All, profile => profile.Name);

    /// <summary>How targets are started where no option says anything.</summary>
    public static TargetOptions TargetOptions() => new() { Self = Self() };

    public static TargetOptions TargetOptions(string? deadline, bool inProcess) => TargetOptions() with
    {
        Deadline = deadline is null ? IommuHarness.Targets.TargetOptions.DefaultDeadline : DeadlineOf(deadline),
        InProcess = inProcess,
    };

    public static ulong Seed(string text) => text == "random"
        ? Clock.InventSeed()
        : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong seed)
            ? seed
            : throw Wrong("--seed", "a number from 0 to 2^64-1, or random", text);

    public static long? Cases(string? text) => text is null
        ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long cases) && cases > 0
            ? cases
            : throw Wrong("--cases", "a number from 1", text);

    /// <summary>How many seeds.</summary>
    public static int? Seeds(string? text) => text is null
        ? null
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int seeds) && seeds > 0
            ? seeds
            : throw Wrong("--seeds", "a number from 1", text);

    /// <summary>Operations of the longest scenarios of an exhaustive run.</summary>
    public static int? Exhaustive(string? text) => text is null
        ? null
        : text is [>= '1' and <= '9'] ? text[0] - '0' : throw Wrong("--exhaustive", "a number of operations from 1 to 9", text);

    /// <summary>A number and a unit: s, m, h or d.</summary>
    public static TimeSpan? Duration(string? text)
    {
        if (text is null)
            return null;
        double seconds = text.Length == 0 ? 0 : text[^1] switch { 's' => 1, 'm' => 60, 'h' => 3600, 'd' => 86400, _ => 0 };
        return seconds > 0
            && double.TryParse(text[..^1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double count)
            && count * seconds is > 0 and <= 366 * 86400
            ? TimeSpan.FromSeconds(count * seconds)
            : throw Wrong("--for", "a duration of at most a year (30s, 5m, 8h, 2d)", text);
    }

    private static TimeSpan DeadlineOf(string text)
    {
        bool milliseconds = text.EndsWith("ms", StringComparison.Ordinal);
        return double.TryParse(milliseconds ? text[..^2] : text.EndsWith('s') ? text[..^1] : "", NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double count)
            && count * (milliseconds ? 0.001 : 1) is var seconds and >= 0.01 and <= 3600
            ? TimeSpan.FromSeconds(seconds)
            : throw Wrong("--deadline", "a duration from 10ms to 3600s", text);
    }

    /// <summary>The words that start this program again.</summary>
    private static ImmutableArray<string> Self() => Environment.ProcessPath is not { } program
        ? []
        : Path.GetFileNameWithoutExtension(program) == "dotnet" ? [program, Environment.GetCommandLineArgs()[0]] : [program];

    /// <summary>The target, where it can answer scenarios that it has never seen.</summary>
    public static ITarget AnyScenario(ITarget target) => target is FileTarget
        ? throw Wrong("--target", "a target that answers any scenario (a history answers its own: judge it)", target.Name)
        : target;

    public static bool IsJson(string text) => text switch
    {
        "json" => true,
        "text" => false,
        _ => throw Wrong("--format", "text or json", text),
    };

    /// <summary>An option's value that cannot be used.</summary>
    public static InputException Wrong(string option, string expected, string found) =>
        new(option, 0, 0, expected, found.Length == 0 ? "nothing" : found);

    private static ImmutableArray<T> Named<T>(string names, string option, string what, ImmutableArray<T> all, Func<T, string> name)
        where T : class =>
    [
        .. names.Split(',').Select(wanted =>
            all.FirstOrDefault(one => name(one) == wanted)
            ?? throw Wrong(option, $"{what} ({string.Join(", ", all.Select(name))})", wanted)),
    ];
}
