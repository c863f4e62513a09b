using FsCheck.Xunit;

namespace IommuVerify.Tests.Properties.Support;

/// <summary>
/// The one attribute of property tests here. It always fixes the seed (FsCheck would take one from the clock) and it brings
/// generators that reach boundaries (FsCheck's own integers stay small).
/// </summary>
#pragma warning disable xUnit3003 // FsCheck's attribute has no constructor that takes the source's place, so there is none to hand it to.
[AttributeUsage(AttributeTargets.Method)]
public sealed class SpecPropertyAttribute : PropertyAttribute
#pragma warning restore xUnit3003
{
    /// <summary>Seed and gamma in FsCheck's notation.</summary>
    public const string Seed = "1,3";

    public SpecPropertyAttribute()
    {
        Replay = Seed;
        MaxTest = 300;
        QuietOnSuccess = true;
        Arbitrary = [typeof(Arbitraries)];
    }
}
