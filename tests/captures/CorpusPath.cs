using IommuHarness.Mutants;

namespace IommuVerify.Tests.Captures;

/// <summary>The corpus of this repository.</summary>
internal static class CorpusPath
{
    public static string Captures => Path.Combine(Root(), "captures");

    public static string Malformed => Path.Combine(Root(), "malformed");

    /// <summary>Names, without directories, of the files in a folder that end so; in ordinal order.</summary>
    public static IEnumerable<string> Names(string folder, string ending) =>
        Directory.GetFiles(folder, "*" + ending).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal);

    // Not from where the compiler saw this file: a deterministic build, as CI makes one, does not tell.
    private static string Root() => Path.Combine(Repository.Find().Root, "corpus");
}
