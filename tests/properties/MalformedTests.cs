using IommuHarness.Trace;
using IommuVerify.Tests.Properties.Support;
using Xunit;

namespace IommuVerify.Tests.Properties;

/// <summary>corpus/malformed holds every kind of broken trace, each with its message beside it.</summary>
public class MalformedTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "corpus", "malformed");

    public static TheoryData<string> Traces() =>
        [.. Directory.GetFiles(Folder, "*.trace").Select(path => Path.GetFileNameWithoutExtension(path)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Traces))]
    public void A_broken_trace_has_its_message(string name)
    {
        InputException e = Assert.Throws<InputException>(() => TraceText.Load(Path.Combine(Folder, name + ".trace")));
        Assert.Equal(File.ReadAllText(Path.Combine(Folder, name + ".message")), e.Message.Replace(Folder + Path.DirectorySeparatorChar, "", StringComparison.Ordinal) + "\n");
    }
}
