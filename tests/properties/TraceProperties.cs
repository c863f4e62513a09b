using System.Reflection;
using FsCheck;
using FsCheck.Fluent;
using IommuHarness.Trace;
using IommuSpec;
using IommuVerify.Tests.Properties.Support;
using Xunit;

namespace IommuVerify.Tests.Properties;

/// <summary>Laws of the text form.</summary>
public class TraceProperties
{
    private const string Example =
        """
        # INV-1: what was right a moment ago
        # may be seen until it is invalidated
        iommu-trace 1
        platform vtd-second-stage levels=5 unmap=whole-mapping widths=39+48
        attach d0 dom0
          = done
        map dom0 0x10000 len 0x3000 to 0x35000 rw+cache+noexec
          = done
        unmap dom0 0x10000 len 0x3000
          = unmapped 0x1000 stopped partial
        flush-contexts did 0x5 d0 mask 0
          = refused not-here
        write d0 0x12278 len 0x2000
          = moved 0x12278+0xd88 at 0x37278, 0x13000+0x1000 faulted 0x6, 0x14000+0x278 interrupt
        drain-faults
          = faults overflow 0x8000000500000008:0x13000
        audit
          = holding mapped 0x3000 attached 1 tables 3
        verdict allowed MAP-1

        """;

    [SpecProperty]
    public void Reading_gives_back_what_was_written(TraceFile file) =>
        Assert.Equal(file, TraceText.Read(TraceText.Write(file), "written"));

    [SpecProperty]
    public void The_writer_is_canonical(TraceFile file)
    {
        string text = TraceText.Write(file);
        Assert.Equal(text, TraceText.Write(TraceText.Read(text, "written")));
    }

    [SpecProperty]
    public void Blanks_comments_and_line_ends_mean_nothing(TraceFile file)
    {
        string[] lines = TraceText.Write(file).Split('\n');
        int header = Array.FindIndex(lines, line => line.StartsWith("platform", StringComparison.Ordinal));
        IEnumerable<string> loose = lines.Select((line, i) =>
            i < header ? line + "\r" : "\t " + line.Replace(" ", " \t ", StringComparison.Ordinal) + "   # why\r\n\r\n # said\r");
        Assert.Equal(file, TraceText.Read("\uFEFF" + string.Join('\n', loose), "loose"));
    }

    [SpecProperty(MaxTest = 3000)]
    public void A_damaged_trace_reads_or_says_where_it_is_broken(DamagedTrace damaged)
    {
        try
        {
            string text = TraceText.Write(TraceText.Read(damaged.Text, "damaged"));
            Assert.Equal(text, TraceText.Write(TraceText.Read(text, "written")));
        }
        catch (InputException e)
        {
            string[] lines = damaged.Text.Split('\n');
            Assert.InRange(e.Line, 1, lines.Length);
            Assert.InRange(e.Column, 1, lines[e.Line - 1].Length + 1);
            Assert.StartsWith($"damaged:{e.Line}:{e.Column}: expected ", e.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(e.Message, char.IsControl);
        }
    }

    [SpecProperty]
    public void Noise_reads_or_says_where_it_is_broken(string? noise)
    {
        try
        {
            TraceText.Read("iommu-trace 1\nplatform vtd-second-stage\n" + noise, "noise");
        }
        catch (InputException e)
        {
            Assert.NotEqual(0, e.Line);
        }
    }

    [SpecProperty]
    public void A_platform_reads_as_it_was_written(Platform platform) =>
        Assert.Equal(platform, PlatformText.Read(PlatformText.Write(platform), "line", 1));

    [Fact]
    public void An_example_is_read_and_written_as_it_stands()
    {
        TraceFile file = TraceText.Read(Example, "example");
        Assert.Equal(["INV-1: what was right a moment ago", "may be seen until it is invalidated"], file.Comments);
        Assert.Equal(new Platform { LevelCount = 5, Unmap = UnmapPolicy.WholeMapping, SupportedWidths = 0b0110 }, file.Scenario.Platform);
        Assert.Equal(new Op.Map(0, 0x10000, 0x3000, 0x35000, Rights.Read | Rights.Write | Rights.Cache | Rights.NoExec), file.Scenario.Ops[1]);
        Assert.Equal(new Observation.Faults([new(Low: 0x13000, High: 0x8000000500000008)], Overflow: true), file.Observations!.Value[5]);
        Assert.Equal(new Expectation(true, RuleId.Map1), file.Verdict);
        Assert.Equal(Example, TraceText.Write(file));
    }

    [Fact]
    public void Numbers_may_be_decimal()
    {
        Scenario scenario = TraceText.Read("iommu-trace 1\nplatform vtd-second-stage\nread d0 4096 len 8\n", "decimal").Scenario;
        Assert.Equal([new Op.Access(0, AccessKind.Read, 0x1000, 8)], scenario.Ops);
    }

    /// <summary>The laws above are worth what their generators reach.</summary>
    [Fact]
    public void The_generators_make_every_operation_and_every_observation()
    {
        Assert.Equal(Kinds<Op>(), Names(Language.Op));
        Assert.Equal(Kinds<Observation>(), Names(Language.Observation));

        static IEnumerable<string> Kinds<T>() => typeof(T).GetNestedTypes(BindingFlags.Public).Select(type => type.Name).Order(StringComparer.Ordinal);

        static IEnumerable<string> Names<T>(Gen<T> gen)
            where T : notnull => gen.Sample(2000, new Rnd(1, 3), 50).Select(value => value.GetType().Name).Distinct().Order(StringComparer.Ordinal);
    }

    [Fact]
    public void A_trace_that_makes_no_sense_is_not_written()
    {
        Scenario scenario = new(new Platform(), [new Op.Audit()]);
        Assert.Throws<ArgumentException>(() => TraceText.Write(new TraceFile([], scenario, null, new(true, RuleId.Map1))));
        Assert.Throws<ArgumentException>(() => TraceText.Write(new TraceFile(["two\nlines"], scenario, null, null)));
        Assert.Throws<ArgumentException>(() => TraceText.Write(new History(scenario, [Observation.Done.Instance, Observation.Done.Instance])));
    }

    [Fact]
    public void A_file_that_is_not_there_is_bad_input()
    {
        InputException e = Assert.Throws<InputException>(() => TraceText.Load("no-such.trace"));
        Assert.Equal("no-such.trace: expected a file, found nothing of that name", e.Message);
    }
}
