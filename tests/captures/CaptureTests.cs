using System.Collections.Immutable;
using IommuHarness.Corpus;
using IommuHarness.Trace;
using IommuSpec;
using Xunit;

namespace IommuVerify.Tests.Captures;

public class CaptureTests
{
    public static TheoryData<string> Captures => [.. CorpusPath.Names(CorpusPath.Captures, ".json")];

    [Theory]
    [MemberData(nameof(Captures))]
    public void Specification_implementation_and_capture_agree_about_every_address_and_corruption(string file)
    {
        Capture capture = Load(file);
        CaptureSummary summary = CaptureCheck.Run(capture);
        Assert.Empty(summary.Disagreements);
        Assert.Equal(0, summary.DisagreementCount);
        Assert.Equal(capture.Memory.TableAddresses.Length, summary.TableCount);
        Assert.Equal(capture.Devices.Length, summary.DeviceCount + summary.UncheckedDeviceCount);
        // Scalable-mode context entries have no rules yet: a device that passes through there has nothing to walk.
        int unread = capture.IsScalable ? capture.Devices.Count(d => d.Space is null) : 0;
        Assert.Equal(unread, summary.UncheckedDeviceCount);
        Assert.Equal(summary.DeviceCount > 0, summary.AddressCount > 0 && summary.CorruptionCount > 0);
    }

    [Theory]
    [MemberData(nameof(Captures))]
    public void A_VFIO_program_is_answered_as_by_VFIO_and_ends_with_the_captured_tables(string file) =>
        Assert.Empty(ProgramReplay.Run(Load(file)).Wrong);

    [Fact]
    public void A_mapping_listed_at_another_place_is_noticed() => Noticed(m => m with { Physical = m.Physical + 0x1000 });

    [Fact]
    public void A_mapping_listed_with_other_rights_is_noticed() => Noticed(m => m with { Rights = m.Rights ^ Rights.Write });

    [Fact]
    public void A_mapping_that_is_not_listed_is_noticed()
    {
        Capture capture = Load("intel-legacy-7.3.json");
        CaptureSpace space = capture.Spaces[1];
        Assert.NotEqual(0, CaptureCheck.Run(With(capture, space, space.Mappings.RemoveAt(7))).DisagreementCount);
    }

    [Fact]
    public void Tables_that_no_device_leads_to_are_noticed()
    {
        Capture capture = Load("intel-legacy-7.3.json");
        CaptureSummary summary = CaptureCheck.Run(capture with { Devices = capture.Devices.RemoveAt(2) });
        Assert.Equal(8, summary.DisagreementCount);
        Assert.All(summary.Disagreements, d => Assert.StartsWith("no walk reaches the table at 0x", d.Opinions, StringComparison.Ordinal));
    }

    [Fact]
    public void A_directory_without_captures_is_bad_input() =>
        Assert.Equal(
            "nowhere: expected a directory of captures (*.json), found none",
            Assert.Throws<InputException>(() => CaptureCheck.RunAll("nowhere")).Message);

    [Fact]
    public void A_cancelled_check_says_what_it_did_so_far()
    {
        using var cancel = new CancellationTokenSource();
        CaptureSummary summary = CaptureCheck.RunAll(CorpusPath.Captures, p => { if (p.Index == 1) cancel.Cancel(); }, cancel.Token);
        Assert.Equal(2, summary.CaptureCount);
    }

    [Fact]
    public void A_walk_names_every_entry_from_the_root_down()
    {
        Capture capture = Load("intel-legacy-vfio-7.3.json");
        CaptureWalk walk = CaptureWalk.Of(capture, CaptureWalk.Find(capture, "01:00.0"));
        string text = WalkText.Walk(capture, walk, 0x40201234);
        Assert.Contains("root entry               at 0xb407010      = 0xb439001\n", text, StringComparison.Ordinal);
        Assert.Contains("level 1, IOVA bits 29:21 = 0x1   at 0xd1d4008      = 0x1d400083: 2048 KiB page at 0x1d400000", text, StringComparison.Ordinal);
        Assert.EndsWith("a read lands at 0x1d401234\na write lands at 0x1d401234\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_walk_of_a_device_lists_the_captures_own_runs()
    {
        Capture capture = Load("intel-scalable-fs-vfio-6.12.json");
        foreach (CaptureDevice device in capture.Devices)
            Assert.Equal(capture.SpaceOf(device)!.Mappings, CaptureWalk.Of(capture, device).Contents()!.Leaves.AsEnumerable());
    }

    private static void Noticed(Func<CaptureMapping, CaptureMapping> change)
    {
        Capture capture = Load("intel-scalable-ss-7.3.json");
        CaptureSpace space = capture.Spaces[2];
        Capture changed = With(capture, space, space.Mappings.SetItem(5, change(space.Mappings[5])));
        Assert.NotEqual(0, CaptureCheck.Run(changed).DisagreementCount);
    }

    private static Capture With(Capture capture, CaptureSpace space, ImmutableArray<CaptureMapping> mappings) =>
        capture with { Spaces = capture.Spaces.Replace(space, space with { Mappings = mappings }) };

    private static Capture Load(string file) => CaptureFile.Load(Path.Combine(CorpusPath.Captures, file));
}
