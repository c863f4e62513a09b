using System.Collections.Immutable;
using IommuHarness.Generate;
using IommuSpec;

namespace IommuHarness.Targets;

/// <summary>What is checked: anything that answers operations. The one extension point of the harness.</summary>
public interface ITarget
{
    /// <summary>How it is named on the command line and in reports.</summary>
    string Name { get; }

    /// <summary>Which version of it this is, as a report names it; null where it has none or cannot say.</summary>
    string? Version => null;

    /// <summary>
    /// Its own platforms, read from the target itself (an emulator's registers); --platform chooses among their names. Null: those
    /// of <see cref="Platforms.All"/> that it <see cref="Supports"/>.
    /// </summary>
    ImmutableArray<NamedPlatform>? OwnPlatforms => null;

    /// <summary>Whether it can play the platform; scenarios of others are never given to it.</summary>
    bool Supports(Platform platform);

    /// <summary>
    /// Answers a scenario from the platform's start, operation by operation. A target that dies or hangs says so
    /// (<see cref="Observation.Crashed"/>, <see cref="Observation.Hung"/>) and answers nothing after that. The same scenario
    /// gives the same answers every time.
    /// </summary>
    ImmutableArray<Observation> Run(Scenario scenario);

    /// <summary>What killed the last run, for the report; null where it lived or cannot say.</summary>
    Exception? LastCrash => null;
}
