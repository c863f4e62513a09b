using System.Collections.Immutable;
using IommuHarness.Check;
using IommuHarness.Coverage;
using IommuHarness.Generate;
using IommuHarness.Targets;
using IommuHarness.Trace;
using IommuSpec;
using IommuVerify.Tests.Properties.Support;
using Xunit;
using Impl = IommuImpl;

namespace IommuVerify.Tests.Properties;

/// <summary>
/// The targets that the harness brings, and the judge: what the specification answers always conforms, and what the judge says of answers
/// that are wrong, missing, too many or none.
/// </summary>
public class TargetProperties
{
    private const int CaseCount = 300;

    private static readonly Scenario ThreeOps = new(new Platform(), [new Op.Detach(0), new Op.InvalidateAll(), new Op.Detach(1)]);

    public static TheoryData<string> PlatformNames => [.. Platforms.All.Select(row => row.Name)];

    [Theory]
    [MemberData(nameof(PlatformNames))]
    public void The_specification_conforms_to_itself_whichever_way_it_picks(string name)
    {
        foreach (ITarget target in (ITarget[])[SpecTarget.First, SpecTarget.Last, SpecTarget.Random(1)])
            Conforms(target, name);
    }

    [Theory]
    [MemberData(nameof(PlatformNames))]
    public void The_implementation_conforms(string name)
    {
        using ImplTarget target = new();
        Conforms(target, name);
    }

    [SpecProperty]
    public void The_specification_conforms_on_any_scenario(Scenario scenario, ulong seed)
    {
        foreach (ITarget target in (ITarget[])[SpecTarget.First, SpecTarget.Last, SpecTarget.Random(seed)])
            Assert.IsType<Verdict.Conforms>(Judge.Check(new(scenario, target.Run(scenario))));
    }

    [SpecProperty]
    public void The_implementation_answers_a_scenario_the_same_whatever_it_ran_before(Scenario scenario, Scenario before)
    {
        using ImplTarget used = new();
        using ImplTarget fresh = new();
        if (!used.Supports(scenario.Platform) || !used.Supports(before.Platform))
            return;
        used.Run(before);
        Assert.Equal(fresh.Run(scenario), used.Run(scenario));
    }

    [Fact]
    public void An_unsupported_operation_is_skipped_and_counted()
    {
        Tally tally = new();
        History history = new(ThreeOps, [Observation.Done.Instance, Observation.Unsupported.Instance, Observation.Done.Instance]);

        Assert.IsType<Verdict.Conforms>(Judge.Check(history, tally));
        Assert.Equal(2, tally.OpCount);
        Assert.Equal([("invalidate all", 1L)], tally.Unsupported());
    }

    [Fact]
    public void A_crash_a_hang_and_a_missing_answer_diverge_where_they_are()
    {
        foreach (ImmutableArray<Observation> ending in (ImmutableArray<Observation>[])[[Observation.Crashed.Instance], [Observation.Hung.Instance], []])
        {
            Verdict.Diverges verdict = Assert.IsType<Verdict.Diverges>(Judge.Check(new(ThreeOps, [Observation.Done.Instance, .. ending])));
            Assert.Equal(1, verdict.Index);
        }
    }

    [Fact]
    public void More_answers_than_operations_are_an_error_of_the_caller() =>
        Assert.Throws<ArgumentException>(() => Judge.Check(new(ThreeOps, [.. Enumerable.Repeat(Observation.Done.Instance, 4)])));

    [Fact]
    public void A_target_that_throws_has_crashed_at_once()
    {
        TargetRun run = TargetRun.Run(new Throwing(), ThreeOps);

        Assert.Equal([Observation.Crashed.Instance], run.Answers);
        Assert.IsType<NotSupportedException>(run.Crash);
    }

    [Fact]
    public void A_file_answers_what_it_recorded_until_something_else_is_asked()
    {
        string file = Path.Combine(Directory.CreateTempSubdirectory("iommu-verify-").FullName, "three.trace");
        File.WriteAllText(file, TraceText.Write(new History(ThreeOps, SpecTarget.First.Run(ThreeOps))));
        FileTarget target = FileTarget.Load(file);

        Assert.Equal(SpecTarget.First.Run(ThreeOps), target.Run(ThreeOps));
        Assert.Equal(
            [Observation.Done.Instance, Observation.Unsupported.Instance],
            target.Run(ThreeOps with { Ops = [new Op.Detach(0), new Op.Detach(1)] }));
    }

    [Fact]
    public void Every_status_of_the_implementation_but_done_is_the_refusal_of_that_name()
    {
        Assert.Equal(Enum.GetNames<Refusal>().Order(), Enum.GetNames<Impl.Status>().Except([nameof(Impl.Status.Done)]).Order());
        Assert.All(
            Enum.GetValues<Impl.Status>().Except([Impl.Status.Done]),
            status => Assert.Equal(status.ToString(), ImplNames.Refused(status).Why.ToString()));
    }

    [Fact]
    public void Declared_properties_reach_the_implementation_under_their_names()
    {
        Assert.All(Enum.GetValues<Contract>(), one => Assert.Equal(one.ToString(), ImplNames.Options(new() { Contract = one }).Contract.ToString()));
        Assert.All(Enum.GetValues<UnmapPolicy>(), one => Assert.Equal(one.ToString(), ImplNames.Options(new() { Unmap = one }).Unmap.ToString()));
        Assert.All(Enum.GetValues<TableFormat>(), one => Assert.Equal(one.ToString(), ImplNames.Options(new() { Format = one }).Format.ToString()));
        Assert.All(Enum.GetValues<ContextMode>(), one => Assert.Equal(one.ToString(), ImplNames.Options(new() { Contexts = one }).Contexts.ToString()));
        Assert.All(Enum.GetValues<AccessKind>(), one => Assert.Equal(one.ToString(), ImplNames.Kind(one).ToString()));
        Assert.All(Enum.GetValues<Rights>(), one => Assert.Equal(one.ToString(), ImplNames.Rights(one).ToString()));
    }

    private static void Conforms(ITarget target, string platformName)
    {
        NamedPlatform platform = Platforms.Find(platformName)!;
        FindingCollector collector = new(target);
        CheckResult result = new Checker(target, collector).Run(new CheckPlan { Platforms = [platform], CaseCount = CaseCount });

        Assert.Empty(collector.Findings.Select(finding => $"{finding.Where}\n{TraceText.Write(finding.Minimal)}"));
        Assert.Equal(CaseCount, result.Total().CaseCount);
    }

    private sealed class Throwing : ITarget
    {
        public string Name => "throwing";

        public bool Supports(Platform platform) => true;

        public ImmutableArray<Observation> Run(Scenario scenario) => throw new NotSupportedException();
    }
}
