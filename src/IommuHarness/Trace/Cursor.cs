using System.Globalization;
using IommuSpec;

namespace IommuHarness.Trace;

/// <summary>A word of a line: what stands between blanks, or a single comma. Empty at the end of the line.</summary>
/// <param name="Text">The word.</param>
/// <param name="Column">Its first column, from 1.</param>
internal readonly record struct Token(string Text, int Column)
{
    public bool IsEnd => Text.Length == 0;

    /// <summary>The part from <paramref name="start"/> (inclusive) on.</summary>
    public Token From(int start) => new(Text[start..], Column + start);

    /// <summary>The part before <paramref name="end"/> (exclusive).</summary>
    public Token Before(int end) => this with { Text = Text[..end] };
}

/// <summary>Reads one line of a trace word by word; whatever is wrong becomes an <see cref="InputException"/> that says where.</summary>
internal sealed class Cursor
{
    private const int LongestQuote = 40;

    private readonly string file;
    private readonly int line;
    private readonly string text;
    private int position;

    /// <param name="file">For messages.</param>
    /// <param name="line">For messages, from 1.</param>
    /// <param name="raw">The line; from # on it is a comment.</param>
    public Cursor(string file, int line, string raw)
    {
        this.file = file;
        this.line = line;
        int comment = raw.IndexOf('#', StringComparison.Ordinal);
        text = (comment < 0 ? raw : raw[..comment]).TrimEnd(' ', '\t', '\r');
    }

    public Token Peek()
    {
        int before = position;
        Token token = Next();
        position = before;
        return token;
    }

    public Token Next()
    {
        while (position < text.Length && IsBlank(text[position]))
            position++;
        int start = position;
        if (position < text.Length && text[position++] != ',')
        {
            while (position < text.Length && !IsBlank(text[position]) && text[position] != ',')
                position++;
        }

        return new(text[start..position], start + 1);
    }

    /// <summary>Goes past <paramref name="word"/> if it is the next.</summary>
    public bool Take(string word)
    {
        int before = position;
        if (Next().Text == word)
            return true;
        position = before;
        return false;
    }

    public void Keyword(string word)
    {
        Token token = Next();
        if (token.Text != word)
            throw Error(Quoted(word), token);
    }

    public void End()
    {
        Token token = Next();
        if (!token.IsEnd)
            throw Error("the end of the line", token);
    }

    /// <summary>Everything up to the end of the line; not nothing.</summary>
    public string Rest(string what)
    {
        string rest = text[position..].Trim(' ', '\t');
        position = text.Length;
        return rest.Length > 0 ? rest : throw Error(what, new("", position + 1));
    }

    public T Word<T>(string what)
        where T : struct, Enum
    {
        Token token = Next();
        return Words<T>.TryRead(token.Text, out T value) ? value : throw Error($"{what} ({Words<T>.Known})", token);
    }

    public ulong Number(string what, ulong last = ulong.MaxValue) => Number(Next(), what, last);

    /// <summary>A whole number, decimal or with 0x hexadecimal, from 0 to <paramref name="last"/>.</summary>
    public ulong Number(Token token, string what, ulong last = ulong.MaxValue)
    {
        ReadOnlySpan<char> digits = token.Text;
        bool hex = digits.StartsWith("0x", StringComparison.Ordinal);
        bool right = hex
            ? ulong.TryParse(digits[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value)
            : ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out value);
        return right && value <= last ? value : throw Error($"{what} (decimal or 0x…, up to 0x{last:x})", token);
    }

    public int Int(string what) => (int)Number(what, int.MaxValue);

    public int Device() => Slot(Next(), "a device", "d");

    public int Domain() => Slot(Next(), "a domain", "dom");

    private int Slot(Token token, string what, string prefix)
    {
        int slot = -1;
        bool right = token.Text.StartsWith(prefix, StringComparison.Ordinal)
            && int.TryParse(token.Text.AsSpan(prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out slot)
            && slot < Platform.SlotCount;
        return right ? slot : throw Error($"{what} ({prefix}0 to {prefix}{Platform.SlotCount - 1})", token);
    }

    public InputException Error(string expected, Token found) =>
        new(file, line, found.Column, expected, found.IsEnd ? "the end of the line" : Quoted(found.Text));

    /// <summary>A word as a message shows it: in quotes, shortened, and without characters that a terminal would act on.</summary>
    private static string Quoted(string word)
    {
        string shown = word.Length <= LongestQuote ? word : word[..LongestQuote] + "…";
        return "\"" + string.Concat(shown.Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c)) + "\"";
    }

    private static bool IsBlank(char c) => c is ' ' or '\t';
}
