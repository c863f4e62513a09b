using System.Text;
using IommuSpec;

namespace IommuHarness.Trace;

/// <summary>
/// The line that declares a platform: the table format, then the properties that differ from <see cref="Platform"/>'s
/// defaults as <c>name=value</c>.
/// </summary>
public static class PlatformText
{
    /// <summary>The whole line, without its end.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A property has a value that <see cref="Platform"/> does not allow.</exception>
    public static string Write(Platform platform)
    {
        StringBuilder line = new("platform");
        foreach (PlatformProperty property in PlatformProperties.All)
        {
            int index = LegalIndex(property, platform);
            if (property == PlatformProperties.Format)
                line.Append(' ').Append(property.Words[index]);
            else if (index != property.DefaultIndex)
                line.Append(' ').Append(property.Name).Append('=').Append(property.Words[index]);
        }

        return line.ToString();
    }

    /// <summary>The number of a platform's value.</summary>
    internal static int LegalIndex(PlatformProperty property, Platform platform)
    {
        int index = property.Index(platform);
        return (uint)index < (uint)property.Words.Length && PlatformProperties.LevelsFit(platform) && PlatformProperties.ContextsFit(platform)
            ? index
            : throw new ArgumentOutOfRangeException(nameof(platform), platform, $"not a legal platform: {property.Name}");
    }

    /// <summary>Reads a platform line.</summary>
    /// <param name="line">The whole line.</param>
    /// <param name="fileName">For messages.</param>
    /// <param name="lineNumber">For messages, from 1.</param>
    /// <exception cref="InputException">It is none.</exception>
    public static Platform Read(string line, string fileName, int lineNumber) => Read(new Cursor(fileName, lineNumber, line));

    internal static Platform Read(Cursor c)
    {
        Token first = c.Next();
        if (first.Text != "platform")
            throw c.Error("a platform line (platform FORMAT PROPERTY=VALUE…)", first);
        Platform platform = new() { Format = c.Word<TableFormat>("a table format") };
        HashSet<PlatformProperty> given = [];
        for (Token token = c.Next(); !token.IsEnd; token = c.Next())
            platform = ReadProperty(c, token, platform, given);
        return platform;
    }

    private static Platform ReadProperty(Cursor c, Token token, Platform platform, HashSet<PlatformProperty> given)
    {
        int equals = token.Text.IndexOf('=', StringComparison.Ordinal);
        Token name = equals < 0 ? token : token.Before(equals);
        PlatformProperty? property = PlatformProperties.All.FirstOrDefault(
            p => p.Name == name.Text && p != PlatformProperties.Format);
        if (property is null)
            throw c.Error($"a platform property ({Known})", name);
        if (equals < 0)
            throw c.Error($"a value ({property.Name}=…)", token.From(token.Text.Length));
        if (!given.Add(property))
            throw c.Error("every platform property once", name);

        Token value = token.From(equals + 1);
        int index = property.Words.IndexOf(value.Text);
        if (index < 0)
            throw c.Error($"{property.Name} to be {Values(property)}", value);
        Platform next = property.With(platform, index);
        if (!PlatformProperties.LevelsFit(next))
            throw c.Error("4 or 5 levels, as first-stage tables have", value);
        if (!PlatformProperties.ContextsFit(next))
            throw c.Error("contexts=software or contexts=direct, as legacy context entries point to second-stage tables only", value);
        return next;
    }

    private static string Known =>
        Words.List([.. PlatformProperties.All.Where(p => p != PlatformProperties.Format).Select(p => p.Name)]);

    /// <summary>The values of a property, a long run of numbers by its ends.</summary>
    private static string Values(PlatformProperty property) =>
        property.Words.Length > 8 ? $"{property.Words[0]} to {property.Words[^1]}" : Words.List(property.Words);
}
