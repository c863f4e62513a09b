using System.Globalization;
using System.Text;
using IommuHarness.Corpus;
using IommuHarness.Trace;
using IommuSpec;
using Xunit;

namespace IommuVerify.Tests.Captures;

public class CallsTests
{
    public static TheoryData<string> Recordings => [.. CorpusPath.Names(CorpusPath.Captures, ".calls")];

    [Theory]
    [MemberData(nameof(Recordings))]
    public void The_kernel_is_judged_to_conform_where_its_recording_is_complete(string file)
    {
        CallsVerdict verdict = Judge(file);
        // Two recordings lost four unmaps each: the addresses are mapped again, which the specification refuses (corpus/captures/README.md).
        (int first, int last) = file switch
        {
            "intel-legacy-6.12.calls" => (1226, 1353),
            "intel-legacy-vfio-6.12.calls" => (1229, 1356),
            _ => (1, 0),
        };
        Assert.Equal(Enumerable.Range(first, last - first + 1), verdict.Divergences.Select(d => d.Line));
        Assert.All(verdict.Divergences, d => Assert.Equal(RuleId.Map6, d.Rule));
    }

    [Theory]
    [MemberData(nameof(Recordings))]
    public void The_implementations_tables_mean_what_the_calls_asked_for_and_nothing_about_the_capture_is_unexplained(string file)
    {
        (Recording recording, Capture capture) = Load(file);
        Platform platform = CallsJudge.PlatformOf(capture);
        ReplayResult result = CallsReplay.Run(recording, platform, capture);
        Assert.All(result.Devices, d => Assert.True(d.MeansTheCalls, d.Device));
        Assert.Equal(CaptureMatch.OtherBoot, result.Match);
        // Two recordings lack the map of 1 GiB by the VFIO program (corpus/captures/README.md).
        Assert.Equal(file.StartsWith("intel-legacy-vfio1g", StringComparison.Ordinal), result.Explanation.Contains("0x40000000 bytes have no call", StringComparison.Ordinal));
        Assert.Equal(file.StartsWith("intel-legacy-vfio1g", StringComparison.Ordinal), result.Explanation.Contains("have no call", StringComparison.Ordinal));
        Assert.Equal(Judge(file).Divergences.Select(d => d.Line), result.Refused.Select(r => r.Line));
    }

    [Theory]
    [InlineData("intel-legacy-6.12.json")]
    [InlineData("intel-scalable-fs-vfio-6.12.json")]
    public void A_recording_made_from_a_captures_own_mappings_ends_with_tables_equal_to_the_captures(string file)
    {
        Capture capture = CaptureFile.Load(Path.Combine(CorpusPath.Captures, file));
        var text = new StringBuilder();
        foreach (CaptureDevice device in capture.Devices)
            text.Append(CultureInfo.InvariantCulture, $"attach {device.Space} {device.Name}\n");
        foreach (CaptureSpace space in capture.Spaces)
            foreach (CaptureMapping run in space.Mappings)
                text.Append(CultureInfo.InvariantCulture, $"map {space.Id} 0x{run.Iova:x} 0x{run.Physical:x} 0x{run.Length:x} 0x{(int)run.Rights:x}\n");
        ReplayResult result = CallsReplay.Run(CallsFile.Read(text.ToString(), "x.calls"), CallsJudge.PlatformOf(capture), capture);
        Assert.Empty(result.Refused);
        Assert.Equal(CaptureMatch.Equal, result.Match);
        Assert.True(result.IsRight);
    }

    [Fact]
    public void A_recording_whose_last_map_is_lost_differs_from_its_capture_without_an_explanation()
    {
        Capture capture = CaptureFile.Load(Path.Combine(CorpusPath.Captures, "intel-legacy-7.3.json"));
        CaptureDevice device = capture.Devices[2];
        CaptureSpace space = capture.SpaceOf(device)!;
        string text = $"attach a {device.Name}\n" + string.Concat(space.Mappings.SkipLast(1).Select(
            run => $"map a 0x{run.Iova:x} 0x{run.Physical:x} 0x{run.Length:x} 0x{(int)run.Rights:x}\n"));
        ReplayResult result = CallsReplay.Run(CallsFile.Read(text, "x.calls"), CallsJudge.PlatformOf(capture), capture);
        Assert.Equal(CaptureMatch.Differs, result.Match);
        Assert.False(result.IsRight);
        Assert.Equal(space.Mappings[^1].Length, result.Devices[0].Capture!.Value.OnlySecond);
    }

    [Fact]
    public void A_kernel_that_unmaps_more_than_was_mapped_is_judged_not_to_conform()
    {
        Recording recording = CallsFile.Read("map a 0x1000 0x5000 0x1000 0x3\nunmap a 0x1000 0x2000 = 0x2000\nmap a 0x1000 0x6000 0x1000 0x3\n", "x.calls");
        CallsVerdict verdict = CallsJudge.Judge(recording, new Platform());
        CallDivergence divergence = Assert.Single(verdict.Divergences);
        Assert.Equal(2, divergence.Line);
    }

    [Fact]
    public void A_recording_without_a_capture_beside_it_needs_a_platform() =>
        Assert.Equal(
            "x.calls: expected a capture x.json beside it, or --platform, found neither",
            Assert.Throws<InputException>(() => CallsJudge.PlatformBeside(Path.Combine(CorpusPath.Captures, "x.calls"))).Message);

    [Fact]
    public void Runs_are_compared_piece_by_piece_up_to_the_top_of_the_space()
    {
        CaptureMapping Run(ulong iova, ulong length, ulong physical, Rights rights = Rights.Read) => new(iova, length, physical, rights, 0x1000);
        var comparison = RunComparison.Of(
            [Run(0x1000, 0x4000, 0x1000), Run(0x8000, 0x1000, 0x8000), Run(0xffff_ffff_ffff_e000, 0x2000, 0)],
            [Run(0x2000, 0x1000, 0x2000), Run(0x3000, 0x3000, 0x9000), Run(0x8000, 0x1000, 0x8000, Rights.Write), Run(0xffff_ffff_ffff_f000, 0x1000, 0x1000)]);
        Assert.Equal(new RunComparison(Same: 0x2000, Elsewhere: 0x2000, OtherRights: 0x1000, OnlyFirst: 0x2000, OnlySecond: 0x1000), comparison);
    }

    private static CallsVerdict Judge(string file)
    {
        (Recording recording, Capture capture) = Load(file);
        return CallsJudge.Judge(recording, CallsJudge.PlatformOf(capture));
    }

    private static (Recording Recording, Capture Capture) Load(string file)
    {
        string path = Path.Combine(CorpusPath.Captures, file);
        return (CallsFile.Load(path), CallsJudge.CaptureBeside(path)!);
    }
}
