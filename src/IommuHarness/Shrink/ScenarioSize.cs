using System.Numerics;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Shrink;

/// <summary>
/// How large a scenario is to a reader: first its operations, then its arguments (high bits and set bits count, slots and small
/// numbers by value), then the properties in which its platform is not the default one.
/// </summary>
/// <param name="OpCount">Operations.</param>
/// <param name="Weight">Of all arguments together.</param>
/// <param name="PropertyCount">Platform properties that differ from the default.</param>
public readonly record struct ScenarioSize(int OpCount, long Weight, int PropertyCount) : IComparable<ScenarioSize>
{
    public static ScenarioSize Of(Scenario scenario)
    {
        long weight = 0;
        foreach (Op op in scenario.Ops)
        {
            foreach (Argument argument in OpArguments.Of(op))
                weight += WeightOf(argument);
        }

        int properties = 0;
        foreach (PlatformProperty property in PlatformProperties.All)
            properties += property.Index(scenario.Platform) == property.DefaultIndex ? 0 : 1;
        return new(scenario.Ops.Length, weight, properties);
    }

    public int CompareTo(ScenarioSize other) => (OpCount, Weight, PropertyCount).CompareTo((other.OpCount, other.Weight, other.PropertyCount));

    public static bool operator <(ScenarioSize a, ScenarioSize b) => a.CompareTo(b) < 0;

    public static bool operator >(ScenarioSize a, ScenarioSize b) => a.CompareTo(b) > 0;

    public static bool operator <=(ScenarioSize a, ScenarioSize b) => a.CompareTo(b) <= 0;

    public static bool operator >=(ScenarioSize a, ScenarioSize b) => a.CompareTo(b) >= 0;

    internal static long WeightOf(Argument argument) => argument.Kind switch
    {
        ArgumentKind.Device or ArgumentKind.Domain or ArgumentKind.Small => (long)Math.Min(argument.Value, int.MaxValue),
        _ => 64 - BitOperations.LeadingZeroCount(argument.Value) + BitOperations.PopCount(argument.Value),
    };
}
