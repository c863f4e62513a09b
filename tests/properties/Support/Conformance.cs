using IommuHarness.Check;
using IommuHarness.Generate;
using IommuHarness.Report;
using IommuHarness.Targets;
using IommuSpec;
using Xunit;

namespace IommuVerify.Tests.Properties.Support;

/// <summary>The implementation against the specification, case by case.</summary>
internal static class Conformance
{
    /// <summary>
    /// Runs one case of a profile on every platform that it fits. A divergence is shrunk, and the message has the history, the rule
    /// and the command that finds it again.
    /// </summary>
    /// <param name="profileName">The profile that stresses the family at test.</param>
    /// <param name="seed">Decides the cases, one on each platform.</param>
    /// <param name="plays">Which platforms; null: all that the profile fits.</param>
    public static void Holds(string profileName, ulong seed, Func<Platform, bool>? plays = null)
    {
        Profile profile = Profiles.Find(profileName)!;
        using ImplTarget target = new();
        foreach (NamedPlatform platform in Platforms.All)
        {
            if (profile.Fits(platform.Platform) && (plays is null || plays(platform.Platform)))
                Holds(target, platform, profile, seed);
        }
    }

    private static void Holds(ImplTarget target, NamedPlatform platform, Profile profile, ulong seed)
    {
        Scenario scenario = Generator.Case(seed, 0, platform.Platform, profile);
        History history = new(scenario, TargetRun.Run(target, scenario).Answers);
        if (Judge.Check(history) is not Verdict.Diverges verdict)
            return;
        CaseId found = new(platform.Name, profile.Name, seed, 0);
        Finding finding = Minimiser.Minimise(target, found.Describe(), found, history, verdict);
        Assert.Fail(
            Story.Of(finding, target.Name, null, "./verify")
            + $"\n  repeat   ./verify check --platform {platform.Name} --profile {profile.Name} --seed {seed} --cases 1\n");
    }
}
