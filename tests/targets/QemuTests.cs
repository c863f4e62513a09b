using System.Collections.Immutable;
using System.Diagnostics;
using IommuHarness.Check;
using IommuHarness.Corpus;
using IommuHarness.Generate;
using IommuHarness.Targets;
using IommuHarness.Targets.Qemu;
using IommuSpec;
using Xunit;

namespace IommuVerify.Tests.Targets;

/// <summary>Emulated IOMMUs. Where the emulator is not installed these tests say so and are skipped.</summary>
public sealed class QemuTests
{
    private const string Program = "qemu-system-x86_64";

    public static TheoryData<string> Findings => [.. Directory.GetFiles(CommandLine.PathOf("corpus", "findings", "qemu-10.0.2"), "*.trace").Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];

    [Theory]
    [InlineData("intel-iommu")]
    [InlineData("intel-iommu-scalable")]
    [InlineData("intel-iommu-flts")]
    public void A_machine_answers_every_scenario_as_often_as_it_is_asked(string kind)
    {
        using QemuTarget target = Start(kind);
        foreach (NamedPlatform platform in target.OwnPlatforms!.Value)
        {
            long landed = 0;
            for (int i = 0; i < 40; i++)
            {
                Scenario scenario = Generator.Case(1, i, platform.Platform);
                ImmutableArray<Observation> answers = target.Run(scenario);
                Assert.Equal(scenario.Ops.Length, answers.Length);
                Assert.Equal(answers, target.Run(scenario));
                landed += answers.OfType<Observation.Moved>().Sum(moved => moved.Pieces.Count(piece => piece.Outcome.Kind == OutcomeKind.Landed));
            }

            Assert.NotEqual(0, landed);
        }
    }

    [Fact]
    public void A_killed_emulator_is_replaced_and_the_scenario_asked_again()
    {
        using QemuTarget target = Start("intel-iommu-scalable");
        Scenario scenario = Generator.Case(1, 3, target.OwnPlatforms!.Value[0].Platform);
        ImmutableArray<Observation> answers = target.Run(scenario);
        foreach (int id in target.ProcessIds.ToArray())
            Process.GetProcessById(id).Kill();

        Assert.Equal(answers, target.Run(scenario));
        Assert.Equal(1, target.LostOnceCount);
        Assert.Null(target.LastCrash);
    }

    [Fact]
    public void No_emulator_outlives_its_target()
    {
        ImmutableArray<int> ids;
        using (QemuTarget target = Start("intel-iommu-flts"))
            ids = [.. target.ProcessIds];

        Assert.NotEmpty(ids);
        Assert.All(ids, id => Assert.False(Directory.Exists($"/proc/{id}")));
    }

    [Theory]
    [MemberData(nameof(Findings))]
    public void A_kept_finding_is_still_there_in_the_release_that_it_names(string name)
    {
        FindingFile finding = FindingFile.Load(CommandLine.PathOf("corpus", "findings", "qemu-10.0.2", name));
        using QemuTarget target = Start(finding.Target["qemu:".Length..]);
        Assert.SkipUnless(target.Version!.Contains("version 10.0.2 ", StringComparison.Ordinal), $"the finding is of QEMU 10.0.2, installed is {target.Version}");

        Verdict.Diverges verdict = Assert.IsType<Verdict.Diverges>(Judge.Check(new(finding.History.Scenario, target.Run(finding.History.Scenario))));
        Assert.Equal((finding.Verdict.Rule, finding.Verdict.Index), (verdict.Rule, verdict.Index));
    }

    [Fact]
    public void An_unknown_machine_is_named_with_those_that_there_are()
    {
        Ended ended = CommandLine.Run("check", "--target", "qemu:vax", "--cases", "1");

        Assert.Equal(2, ended.ExitCode);
        Assert.Contains("qemu:intel-iommu", ended.Errors, StringComparison.Ordinal);
    }

    private static QemuTarget Start(string kind)
    {
        bool installed = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, Program)));
        Assert.SkipUnless(installed, $"{Program} is not installed (package qemu-system-x86): emulated IOMMUs are not checked here");
        return QemuTarget.Start(kind);
    }
}
