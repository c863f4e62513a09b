using System.Collections.Immutable;
using IommuSpec;

namespace IommuHarness.Report;

/// <summary>The state of the specification in short form, for people.</summary>
public static class StateText
{
    /// <summary>One line a fact; what is as at the start is left out.</summary>
    public static ImmutableArray<string> Lines(State state) => [state.ToString()];
}
