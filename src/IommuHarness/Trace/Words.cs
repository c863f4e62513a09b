using System.Text;

namespace IommuHarness.Trace;

/// <summary>The words that stand for the members of an enumeration: their names in lower case with hyphens.</summary>
internal static class Words<T>
    where T : struct, Enum
{
    private static readonly T[] Values = Enum.GetValues<T>();
    private static readonly string[] Texts = Array.ConvertAll(Values, value => Hyphenated(value.ToString()));

    /// <summary>All words, in the order of the enumeration, as a sentence lists them.</summary>
    public static string Known => Words.List(Texts);

    public static IReadOnlyList<string> All => Texts;

    public static string Of(T value) => Texts[Array.IndexOf(Values, value)];

    public static bool TryRead(string word, out T value)
    {
        int index = Array.IndexOf(Texts, word);
        value = index < 0 ? default : Values[index];
        return index >= 0;
    }

    private static string Hyphenated(string name)
    {
        StringBuilder text = new();
        foreach (char c in name)
        {
            if (char.IsAsciiLetterUpper(c) && text.Length > 0)
                text.Append('-');
            text.Append(char.ToLowerInvariant(c));
        }

        return text.ToString();
    }
}

internal static class Words
{
    /// <summary>"a, b or c".</summary>
    public static string List(IReadOnlyList<string> words) =>
        words.Count < 2 ? string.Concat(words) : string.Join(", ", words.SkipLast(1)) + " or " + words[^1];
}
