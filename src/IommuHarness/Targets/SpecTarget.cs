using System.Collections.Immutable;
using System.Globalization;
using IommuHarness.Generate;
using IommuSpec;

namespace IommuHarness.Targets;

/// <summary>
/// Answers from the specification by picking one of the allowed ways. It always conforms: where the judge says otherwise,
/// judge or specification contradict themselves.
/// </summary>
public sealed class SpecTarget : ITarget
{
    private enum Pick
    {
        First,
        Last,
        Random,
    }

    private readonly Pick pick;
    private readonly ulong seed;

    private SpecTarget(string name, Pick pick, ulong seed = 0)
    {
        Name = name;
        this.pick = pick;
        this.seed = seed;
    }

    /// <summary>Always the first way in the specification's order.</summary>
    public static SpecTarget First { get; } = new("spec:first", Pick.First);

    /// <summary>Always the last.</summary>
    public static SpecTarget Last { get; } = new("spec:last", Pick.Last);

    /// <summary>Any; the seed decides, anew for each scenario.</summary>
    public static SpecTarget Random(ulong seed) =>
        new(string.Create(CultureInfo.InvariantCulture, $"spec:random:{seed}"), Pick.Random, seed);

    public string Name { get; }

    public bool Supports(Platform platform) => true;

    public ImmutableArray<Observation> Run(Scenario scenario)
    {
        ImmutableArray<Observation>.Builder answers = ImmutableArray.CreateBuilder<Observation>(scenario.Ops.Length);
        Choices choices = new(seed);
        State state = Spec.Start(scenario.Platform);
        foreach (Op op in scenario.Ops)
        {
            Way way = Choose(Spec.Step(state, op), choices);
            answers.Add(way.Seen);
            state = way.Next;
        }

        return answers.MoveToImmutable();
    }

    private Way Choose(Allowed allowed, Choices choices)
    {
        if (pick == Pick.First)
            return allowed.Ways().First();
        if (pick == Pick.Last)
            return allowed.Ways().Last();
        List<Way> ways = [.. allowed.Ways()];
        return ways[choices.Below(ways.Count)];
    }
}
