namespace IommuHarness.Trace;

/// <summary>
/// Input that cannot be used: a broken trace, a truncated capture, a name that is not known. The only error that is the
/// user's and not ours: the command line prints its message and exits with 2.
/// </summary>
/// <param name="file">The name of the file, or of whatever else was read.</param>
/// <param name="line">The first line is 1; 0 where lines mean nothing, and then no column is shown either.</param>
/// <param name="column">The first column is 1, counted in UTF-16 code units; 0 where columns mean nothing.</param>
/// <param name="expected">What would have been right, as a noun phrase.</param>
/// <param name="found">What was there instead.</param>
public sealed class InputException(string file, int line, int column, string expected, string found)
    : Exception($"{Position(file, line, column)}: expected {expected}, found {found}")
{
    public string File => file;

    public int Line => line;

    public int Column => column;

    public string Expected => expected;

    public string Found => found;

    private static string Position(string file, int line, int column) => (line, column) switch
    {
        (0, _) => file,
        (_, 0) => $"{file}:{line}",
        _ => $"{file}:{line}:{column}",
    };
}
