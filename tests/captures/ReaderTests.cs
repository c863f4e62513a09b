using IommuHarness.Corpus;
using IommuHarness.Trace;
using IommuSpec;
using Xunit;

namespace IommuVerify.Tests.Captures;

public class ReaderTests
{
    public static TheoryData<string> Captures => [.. CorpusPath.Names(CorpusPath.Captures, ".json")];

    public static TheoryData<string> Recordings => [.. CorpusPath.Names(CorpusPath.Captures, ".calls")];

    public static TheoryData<string> Malformed =>
        [.. CorpusPath.Names(CorpusPath.Malformed, ".json"), .. CorpusPath.Names(CorpusPath.Malformed, ".calls")];

    [Theory]
    [MemberData(nameof(Captures))]
    public void Every_capture_is_read_and_names_itself_as_its_file(string file)
    {
        Capture capture = CaptureFile.Load(Path.Combine(CorpusPath.Captures, file));
        Assert.Equal(Path.GetFileNameWithoutExtension(file), capture.Name);
        Assert.True(capture.Memory.Holds(capture.RootTable));
        Assert.NotEmpty(capture.Devices);
    }

    [Theory]
    [MemberData(nameof(Recordings))]
    public void Every_recording_is_read_and_has_a_capture_of_its_name(string file)
    {
        Recording recording = CallsFile.Load(Path.Combine(CorpusPath.Captures, file));
        Assert.NotEmpty(recording.Calls);
        Assert.True(File.Exists(Path.Combine(CorpusPath.Captures, Path.ChangeExtension(file, ".json"))));
    }

    [Theory]
    [MemberData(nameof(Malformed))]
    public void Every_malformed_file_is_refused_with_its_message(string file)
    {
        string path = Path.Combine(CorpusPath.Malformed, file);
        string expected = File.ReadAllText(Path.ChangeExtension(path, ".message")).TrimEnd('\n');
        var error = Assert.Throws<InputException>(() => Read(path));
        Assert.Equal(expected, error.Message);
    }

    [Fact]
    public void A_file_that_does_not_exist_is_bad_input() =>
        Assert.Equal("nowhere.json: expected a file, found none of that name", Assert.Throws<InputException>(() => CaptureFile.Load("nowhere.json")).Message);

    [Fact]
    public void A_capture_cut_anywhere_is_bad_input()
    {
        string text = File.ReadAllText(Path.Combine(CorpusPath.Captures, "intel-pt-7.3.json"));
        for (int length = 0; length < text.TrimEnd().Length; length += 13)
            Assert.Throws<InputException>(() => CaptureFile.Read(text[..length], "cut.json"));
    }

    [Fact]
    public void Runs_are_expanded_with_count_stride_and_step()
    {
        ulong[]? words = CaptureMemory.Expand("0:1 10*3/2:1000+ffffffffffffffff 1ff:7", out _);
        Assert.NotNull(words);
        Assert.Equal(new ulong[] { 1, 0x1000, 0, 0xfff, 0, 0xffe, 7 }, new[] { words[0], words[0x10], words[0x11], words[0x12], words[0x13], words[0x14], words[0x1ff] });
    }

    [Theory]
    [InlineData("200:1")]
    [InlineData("0*201:1")]
    [InlineData("1ff*2:1")]
    [InlineData("0*0:1")]
    [InlineData("0")]
    [InlineData("0:1:2")]
    [InlineData("0:x")]
    [InlineData("0:11111111111111111")]
    [InlineData("0*2/ffffffffffffffff:1")]
    public void A_run_that_leaves_the_page_or_makes_no_sense_is_refused(string run)
    {
        Assert.Null(CaptureMemory.Expand("1:1 " + run, out string wrong));
        Assert.Equal(run, wrong);
    }

    [Fact]
    public void An_unmap_that_returned_nothing_says_why_as_far_as_the_request_shows_it()
    {
        Recording recording = CallsFile.Read("unmap a 0x1000 0x1000 = 0x0\nunmap a 0x1001 0x1000 = 0x0\nunmap a 0x0 0x0 = 0x0\n", "x.calls");
        Assert.Equal(
            [Refusal.NotMapped, Refusal.Misaligned, Refusal.Empty],
            recording.Calls.Select(c => Assert.IsType<Observation.Refused>(c.Seen).Why));
    }

    private static object Read(string path) =>
        path.EndsWith(".calls", StringComparison.Ordinal) ? CallsFile.Load(path) : CaptureFile.Load(path);
}
