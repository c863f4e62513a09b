using IommuHarness.Trace;

namespace IommuHarness.Check;

/// <summary>Files that a person names: what cannot be read is bad input, said in one line.</summary>
public static class InputFiles
{
    /// <summary>Reads a trace: a scenario, a history or a litmus; a name that ends in .bin is a scenario in its byte form.</summary>
    /// <exception cref="InputException">The file is missing, cannot be read, or is not a trace.</exception>
    public static TraceFile ReadTrace(string path) =>
        path.EndsWith(".bin", StringComparison.Ordinal)
            ? new TraceFile([], ByteCodec.Decode(Bytes(path)), null, null)
            : TraceText.Load(path);

    /// <summary>A file, or every file in a folder and below whose name has one of the endings, in the order of their names.</summary>
    /// <exception cref="InputException">There is nothing of that name, or nothing in it.</exception>
    public static IReadOnlyList<string> List(string path, params IReadOnlyList<string> endings)
    {
        if (File.Exists(path))
            return [path];
        if (!Directory.Exists(path))
            throw new InputException(path, 0, 0, "a file or a folder", "none of that name");
        string[] files =
        [
            .. Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories)
                .Where(file => endings.Any(ending => file.EndsWith(ending, StringComparison.Ordinal)))
                .Order(StringComparer.Ordinal),
        ];
        return files.Length > 0
            ? files
            : throw new InputException(path, 0, 0, $"a folder with files named *{string.Join(", *", endings)}", "none in it");
    }

    private static byte[] Bytes(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException(path, 0, 0, "a file that can be read", File.Exists(path) ? e.Message : "none of that name");
        }
    }
}
