using System.Collections.Immutable;
using FsCheck;
using FsCheck.Fluent;
using IommuHarness.Generate;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuVerify.Tests.Properties.Support;

/// <summary>What decides a generated case: no boundary matters, so every seed is as good as another.</summary>
public readonly record struct Seed(ulong Value);

/// <summary>
/// A state that the specification reaches in the middle of a generated scenario, any allowed answer taken on the way, and what the
/// scenario goes on to ask: operations that have to do with what is there.
/// </summary>
public abstract record Play(NamedPlatform Named, ulong Seed, Scenario Scenario, State State, ImmutableArray<Op> Rest)
{
    /// <summary>The scenario's accesses, before and after, and each address of its other operations as an access of every device it names.</summary>
    public IEnumerable<Op.Access> Probes()
    {
        int[] devices = [.. Scenario.Ops.Select(DeviceOf).Where(device => device >= 0).Distinct().Order().Take(3)];
        foreach (Op op in Scenario.Ops)
        {
            if (op is Op.Access { Length: > 0 } access && !AddressRange.Wraps(access.Iova, access.Length) && access.Length <= Platform.LongestAccess)
                yield return access;
            if (IovaOf(op) is not { } iova)
                continue;
            foreach (int device in devices)
            {
                yield return new(device, AccessKind.Read, iova, 1);
                yield return new(device, AccessKind.Write, iova, 1);
            }
        }
    }

    /// <summary>An access's pieces and what may become of each.</summary>
    public static ImmutableArray<PieceAnswers> Answers(State state, Op.Access access) => ((AllowedPieces)Spec.Step(state, access)).Pieces;

    /// <summary>Whether what may become of an access in one state may become of it in another.</summary>
    public static bool AllowsNoMore(State less, State more, Op.Access access)
    {
        ImmutableArray<PieceAnswers> few = Answers(less, access);
        ImmutableArray<PieceAnswers> many = Answers(more, access);
        return few.Zip(many).All(pair => pair.First.Answers.All(answer => pair.Second.Answers.Any(other => other.Outcome == answer.Outcome)));
    }

    /// <summary>The state after an operation with only one answer, or its first.</summary>
    public static State After(State state, Op op) => Spec.Step(state, op).Ways().First().Next;

    public override string ToString() => $"platform {Named.Name}, seed {Seed}, after {Scenario.Ops.Length - Rest.Length} of\n{TraceText.Write(Scenario)}";

    private static int DeviceOf(Op op) => op switch
    {
        Op.Attach a => a.Device,
        Op.AttachIdentity a => a.Device,
        Op.Access a => a.Device,
        Op.Program p => p.Device,
        _ => -1,
    };

    private static ulong? IovaOf(Op op) => op switch
    {
        Op.Map m => m.Iova,
        Op.Unmap u => u.Iova,
        Op.Invalidate i => i.Iova,
        Op.FlushIotlb f => f.Address,
        _ => null,
    };

    private protected static Gen<T> Gen<T>(Func<Platform, bool> fits, Func<NamedPlatform, ulong, Scenario, State, ImmutableArray<Op>, T> make)
    {
        NamedPlatform[] platforms = [.. Platforms.All.Where(row => fits(row.Platform))];
        return from row in FsCheck.Fluent.Gen.Elements(platforms)
               from seed in Values.AnyWord
               from percent in FsCheck.Fluent.Gen.Choose(0, 100)
               select Reach(row, seed, percent, make);
    }

    private static T Reach<T>(
        NamedPlatform row, ulong seed, int percent, Func<NamedPlatform, ulong, Scenario, State, ImmutableArray<Op>, T> make)
    {
        Scenario scenario = Generator.Case(seed, 0, row.Platform, Profiles.All.Where(p => p.Fits(row.Platform) && p.Name != "long").ElementAt((int)(seed % 5)));
        int cut = scenario.Ops.Length * percent / 100;
        Choices choices = new(seed);
        State state = Spec.Start(row.Platform);
        foreach (Op op in scenario.Ops[..cut])
        {
            Way[] ways = [.. Spec.Step(state, op).Ways()];
            state = ways[choices.Below(ways.Length)].Next;
        }

        return make(row, seed, scenario, state, scenario.Ops[cut..]);
    }
}

/// <summary>A state of any platform.</summary>
public sealed record AnyPlay(NamedPlatform Named, ulong Seed, Scenario Scenario, State State, ImmutableArray<Op> Rest)
    : Play(Named, Seed, Scenario, State, Rest)
{
    internal static Gen<AnyPlay> Gen => Gen(_ => true, (n, seed, scenario, state, rest) => new AnyPlay(n, seed, scenario, state, rest));

    public override string ToString() => base.ToString();
}

/// <summary>A state of a platform with map and unmap.</summary>
public sealed record SoftwarePlay(NamedPlatform Named, ulong Seed, Scenario Scenario, State State, ImmutableArray<Op> Rest)
    : Play(Named, Seed, Scenario, State, Rest)
{
    internal static Gen<SoftwarePlay> Gen =>
        Gen(p => p.Contexts == ContextMode.Software, (n, seed, scenario, state, rest) => new SoftwarePlay(n, seed, scenario, state, rest));

    public override string ToString() => base.ToString();
}

/// <summary>A state of a platform whose tables are words of memory.</summary>
public sealed record RawPlay(NamedPlatform Named, ulong Seed, Scenario Scenario, State State, ImmutableArray<Op> Rest)
    : Play(Named, Seed, Scenario, State, Rest)
{
    internal static Gen<RawPlay> Gen =>
        Gen(p => p.Contexts != ContextMode.Software, (n, seed, scenario, state, rest) => new RawPlay(n, seed, scenario, state, rest));

    public override string ToString() => base.ToString();
}
