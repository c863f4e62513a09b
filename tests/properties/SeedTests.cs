using System.Reflection;
using FsCheck.Xunit;
using IommuVerify.Tests.Properties.Support;
using Xunit;

namespace IommuVerify.Tests.Properties;

/// <summary>A run is decided by the commit alone.</summary>
public class SeedTests
{
    [Fact]
    public void Every_property_has_the_attribute_that_fixes_the_seed()
    {
        string[] loose =
        [
            .. from type in typeof(SeedTests).Assembly.GetTypes()
               from method in type.GetMethods(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static)
               let attribute = method.GetCustomAttribute<PropertyAttribute>()
               where attribute is not null && (attribute is not SpecPropertyAttribute || attribute.Replay != SpecPropertyAttribute.Seed)
               select $"{type.Name}.{method.Name}",
        ];
        Assert.Empty(loose);
        Assert.DoesNotContain(
            typeof(SeedTests).Assembly.GetTypes(),
            type => type.GetCustomAttribute<PropertiesAttribute>() is { Replay: null or "" });
    }
}
