using System.Text;
using IommuHarness.Trace;

namespace IommuHarness.Corpus;

/// <summary>Text files that somebody else made.</summary>
internal static class InputText
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The whole text of a file.</summary>
    /// <exception cref="InputException">It does not exist, cannot be read, or is not UTF-8.</exception>
    public static string Load(string path)
    {
        try
        {
            return File.ReadAllText(path, Strict);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException(path, 0, 0, "a file", "none of that name");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException(path, 0, 0, "a file that can be read", e.Message);
        }
        catch (DecoderFallbackException)
        {
            throw new InputException(Path.GetFileName(path), 0, 0, "UTF-8 text", "other bytes");
        }
    }
}
