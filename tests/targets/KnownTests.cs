using System.Collections.Immutable;
using IommuHarness.Check;
using IommuHarness.Generate;
using IommuHarness.Targets;
using IommuHarness.Trace;
using IommuSpec;
using Xunit;

namespace IommuVerify.Tests.Targets;

/// <summary>Known deviations: a run tells what is none of them, which were seen again, and which have gone.</summary>
public sealed class KnownTests
{
    [Fact]
    public void What_is_known_is_not_told_and_what_is_new_is()
    {
        string folder = CommandLine.NewFolder();
        FindingCollector first = Check(new Wrong(Lookups: true, Audits: false), null);
        foreach (Finding finding in first.Findings)
            File.WriteAllText(Path.Combine(folder, finding.Signature + ".trace"), "# note: look-ups are off by one\n" + Minimiser.FileText(finding.Minimal, finding.Verdict.Rule));

        KnownDeviations known = KnownDeviations.Load(folder);
        FindingCollector again = Check(new Wrong(Lookups: true, Audits: false), known);
        FindingCollector more = Check(new Wrong(Lookups: true, Audits: true), KnownDeviations.Load(folder));
        FindingCollector other = Check(new Wrong(Lookups: false, Audits: true), KnownDeviations.Load(folder));

        Assert.NotEmpty(first.Findings);
        Assert.Empty(again.Findings);
        Assert.Equal(first.Rules.Select(hits => hits.CaseCount), again.Rules.Select(hits => hits.CaseCount));
        Assert.All(known.All, one => Assert.Equal(KnownState.SeenAgain, one.State));
        Assert.Contains(known.All, one => one.CaseCount > 0);
        Assert.Equal(RuleId.Map15, Assert.Single(more.Findings.Select(finding => finding.Verdict.Rule).Distinct()));
        Assert.All(other.Known!.All, one => Assert.Equal(KnownState.Gone, one.State));
    }

    [Fact]
    public void What_is_known_is_met_again_where_its_file_is_not_minimal()
    {
        Scenario scenario = new(new Platform(), [new Op.Attach(3, 7), new Op.Map(7, 0x5000, 0x3000, 0x9000, Rights.Read), new Op.Lookup(7, 0x6000)]);
        Wrong target = new(Lookups: true, Audits: false);
        string file = Path.Combine(CommandLine.NewFolder(), "long.trace");
        File.WriteAllText(file, "# note: long\n" + TraceText.Write(new TraceFile([], scenario, target.Run(scenario), new(false, RuleId.Map13))));

        KnownDeviations known = KnownDeviations.Load(file);
        Check(target, known);

        Assert.True(Assert.Single(known.All).CaseCount > 0);
    }

    [Fact]
    public void What_has_gone_is_said()
    {
        string file = KnownFile("# note: stale after an invalidation\n");

        Ended ended = CommandLine.Run("check", "--cases", "31", "--known", file);

        Assert.Equal(0, ended.ExitCode);
        Assert.Contains("0 seen again, 1 gone", ended.Output, StringComparison.Ordinal);
        Assert.Contains($"GONE   INV-2   {file}: stale after an invalidation", ended.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("# nothing to see\n", ":1:3: expected a note (# KEY: TEXT), found \"# nothing to see\"")]
    [InlineData("# noet: stale\n", ":1:3: expected a note about note, finding, ")]
    [InlineData("", ":1:1: expected a line \"# note: …\" above the trace, found none")]
    public void A_note_that_is_missing_or_broken_is_bad_input(string notes, string message)
    {
        Ended ended = CommandLine.Run("check", "--cases", "1", "--known", KnownFile(notes));

        Assert.Equal(2, ended.ExitCode);
        Assert.Contains(message, ended.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_known_deviation_has_to_be_one()
    {
        Ended ended = CommandLine.Run("check", "--cases", "1", "--known", "corpus/litmus/INV-2-allowed-design-example.trace");

        Assert.Equal(2, ended.ExitCode);
        Assert.Contains("expected a history with a line \"verdict forbidden RULE\" at its end", ended.Errors, StringComparison.Ordinal);
    }

    private static FindingCollector Check(ITarget target, KnownDeviations? known)
    {
        known?.Replay(target);
        FindingCollector collector = new(target, known);
        new Checker(target, collector).Run(new CheckPlan { Platforms = [Platforms.Find("kernel-ss4")!], CaseCount = 1000 });
        return collector;
    }

    private static string KnownFile(string notes)
    {
        string file = Path.Combine(CommandLine.NewFolder(), "known.trace");
        IEnumerable<string> history = File.ReadLines(CommandLine.PathOf("corpus", "litmus", "INV-2-forbidden-stale-after-covering-invalidation.trace"))
            .Where(line => !line.StartsWith('#'));
        File.WriteAllText(file, notes + string.Join('\n', history) + "\n");
        return file;
    }

    /// <summary>The specification, but for one answer or two.</summary>
    private sealed record Wrong(bool Lookups, bool Audits) : ITarget
    {
        public string Name => "wrong";

        public bool Supports(Platform platform) => true;

        public ImmutableArray<Observation> Run(Scenario scenario) =>
        [
            .. SpecTarget.First.Run(scenario).Select(seen => seen switch
            {
                Observation.Found found when Lookups => new Observation.Found(found.Physical + 1),
                Observation.Holding held when Audits => held with { AttachedCount = held.AttachedCount + 1 },
                _ => seen,
            }),
        ];
    }
}
