using System.Runtime.CompilerServices;

namespace IommuVerify.Tests.Captures;

/// <summary>The corpus of this repository.</summary>
internal static class CorpusPath
{
    public static string Captures => Path.Combine(Root(), "captures");

    public static string Malformed => Path.Combine(Root(), "malformed");

    /// <summary>Names, without directories, of the files in a folder that end so; in ordinal order.</summary>
    public static IEnumerable<string> Names(string folder, string ending) =>
        Directory.GetFiles(folder, "*" + ending).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal);

    private static string Root([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "corpus"));
}
