using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using IommuHarness.Trace;

namespace IommuHarness.Corpus;

/// <summary>An element of a JSON file that knows where it is, so that bad input is reported by its path.</summary>
internal readonly record struct JsonPlace(string File, string Path, JsonElement Element)
{
    /// <summary>Parses a whole file.</summary>
    /// <exception cref="InputException">The text is no JSON, or ends too early: with line and column.</exception>
    public static JsonPlace Parse(string text, string file)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return new JsonPlace(file, "", document.RootElement.Clone());
        }
        catch (JsonException e)
        {
            throw NotJson(text, file, (int)(e.LineNumber ?? 0), (int)(e.BytePositionInLine ?? 0));
        }
    }

    /// <summary>The member <paramref name="name"/> of this object.</summary>
    public JsonPlace this[string name] =>
        Optional(name) ?? throw Wrong($"the key \"{name}\"", Element.ValueKind == JsonValueKind.Object ? "no such key" : Kind);

    /// <summary>The member <paramref name="name"/> of this object; null where it has none.</summary>
    public JsonPlace? Optional(string name) =>
        Element.ValueKind == JsonValueKind.Object && Element.TryGetProperty(name, out JsonElement member)
            ? new JsonPlace(File, Path.Length == 0 ? name : $"{Path}.{name}", member)
            : null;

    /// <summary>The elements of this array.</summary>
    public ImmutableArray<JsonPlace> Items
    {
        get
        {
            if (Element.ValueKind != JsonValueKind.Array)
                throw Wrong("an array", Kind);
            (string file, string path) = (File, Path);
            return [.. Element.EnumerateArray().Select((item, i) => new JsonPlace(file, $"{path}[{i}]", item))];
        }
    }

    /// <summary>The members of this object, in the file's order.</summary>
    public ImmutableArray<(string Name, JsonPlace Place)> Members
    {
        get
        {
            if (Element.ValueKind != JsonValueKind.Object)
                throw Wrong("an object", Kind);
            (string file, string path) = (File, Path);
            return [.. Element.EnumerateObject().Select(m => (m.Name, new JsonPlace(file, $"{path}.{m.Name}", m.Value)))];
        }
    }

    public string Text => Element.ValueKind == JsonValueKind.String ? Element.GetString()! : throw Wrong("a string", Kind);

    /// <summary>A number, or a string of hexadecimal digits after 0x.</summary>
    public ulong Number
    {
        get
        {
            if (Element.ValueKind == JsonValueKind.Number && Element.TryGetUInt64(out ulong plain))
                return plain;
            if (Element.ValueKind == JsonValueKind.String && Element.GetString() is { } text && text.StartsWith("0x", StringComparison.Ordinal)
                && ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong hex))
                return hex;
            throw Wrong("a number or a string \"0x…\" of at most 64 bits", Element.GetRawText());
        }
    }

    /// <summary>A number of at most <paramref name="last"/>.</summary>
    public int Small(int last) => Number is var number && number <= (ulong)last ? (int)number : throw Wrong($"a number up to {last}", Element.GetRawText());

    public InputException Wrong(string expected, string found) =>
        new(File, 0, 0, Path.Length == 0 ? expected : $"{expected} at {Path}", found);

    private string Kind => Element.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        _ => Element.GetRawText(),
    };

    private static InputException NotJson(string text, string file, int line, int byteColumn)
    {
        string[] lines = text.Split('\n');
        bool atEnd = line >= lines.Length || (line == lines.Length - 1 && byteColumn >= Encoding.UTF8.GetByteCount(lines[line]));
        return atEnd
            ? new InputException(file, line + 1, byteColumn + 1, "more of the JSON text", "the end of the file")
            : new InputException(file, line + 1, byteColumn + 1, "JSON", Shown(lines[line], byteColumn));
    }

    private static string Shown(string line, int byteColumn)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(line);
        return byteColumn >= bytes.Length ? "the end of the line" : $"'{Encoding.UTF8.GetString(bytes, byteColumn, Math.Min(12, bytes.Length - byteColumn))}'";
    }
}
