using IommuSpec;

namespace IommuHarness.Generate;

/// <summary>Makes scenarios. The same seed, index, platform and profile make the same scenario, always and everywhere.</summary>
public static class Generator
{
    // buffers that every scenario needs and none keeps
    [ThreadStatic]
    private static Maker? maker;

    /// <summary>A scenario of that platform and profile, decided by <paramref name="choices"/>.</summary>
    public static Scenario Scenario(Platform platform, Profile profile, Choices choices) =>
        (maker ??= new()).Make(platform, profile, choices);

    /// <summary>The <paramref name="index"/>-th case of a run; without a profile, each case takes one that fits the platform.</summary>
    public static Scenario Case(ulong seed, long index, Platform platform, Profile? profile = null)
    {
        maker ??= new();
        maker.Choices.Restart(seed, index);
        return maker.Make(platform, profile ?? AnyProfile(platform, maker.Choices), maker.Choices);
    }

    private static Profile AnyProfile(Platform platform, Choices choices)
    {
        if (choices.OneIn(Profiles.LongOneIn))
            return Profiles.Long;
        int sum = 0;
        foreach (Profile profile in Profiles.All)
            sum += profile.Fits(platform) ? profile.Share : 0;
        int left = choices.Below(sum);
        foreach (Profile profile in Profiles.All)
        {
            left -= profile.Fits(platform) ? profile.Share : 0;
            if (left < 0)
                return profile;
        }

        return Profiles.All[0];
    }

    private sealed class Maker
    {
        private readonly Draft draft = new();
        private readonly SoftwarePhrases software;
        private readonly HardwarePhrases hardware;

        internal Maker() => (software, hardware) = (new(draft), new(draft));

        internal Choices Choices { get; } = new(0);

        internal Scenario Make(Platform platform, Profile profile, Choices choices)
        {
            draft.Begin(platform, profile, choices);
            if (draft.IsHardware)
                hardware.Begin();
            else
                software.Begin();
            // a phrase whose operations are all beyond a limit adds none, so phrases are counted too
            for (int phrase = 0; draft.Count < draft.Target && phrase < draft.Target; phrase++)
            {
                if (draft.IsHardware)
                    hardware.Say(draft.NextPhrase());
                else
                    software.Say(draft.NextPhrase());
            }

            return draft.End();
        }
    }
}
