using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;

namespace IommuHarness.Corpus;

/// <summary>Sparse memory of a capture: 4 KiB pages; a word outside them reads 0, as if nothing were there.</summary>
public sealed class CaptureMemory
{
    /// <summary>64-bit words in a page.</summary>
    public const int WordsPerPage = 512;

    private const ulong PageSize = WordsPerPage * sizeof(ulong);

    private readonly Dictionary<ulong, ulong[]> _pages;

    /// <param name="pages">Words of each page by the physical address of its first byte; identical pages may share an array.</param>
    /// <param name="tables">Physical addresses of the pages that are page tables, not root, context or PASID tables.</param>
    internal CaptureMemory(Dictionary<ulong, ulong[]> pages, IEnumerable<ulong> tables)
    {
        _pages = pages;
        Addresses = [.. pages.Keys.Order()];
        TableAddresses = [.. tables.Order()];
    }

    /// <summary>Physical addresses of the captured pages, ascending.</summary>
    public ImmutableArray<ulong> Addresses { get; }

    /// <summary>Physical addresses of the pages that are page tables, ascending.</summary>
    public ImmutableArray<ulong> TableAddresses { get; }

    /// <summary>The word at an address; the lowest three bits are ignored.</summary>
    public ulong ReadWord(ulong physical) =>
        _pages.TryGetValue(physical & ~(PageSize - 1), out ulong[]? words) ? words[(physical & (PageSize - 1)) / sizeof(ulong)] : 0;

    /// <summary>Whether the capture holds the page that <paramref name="physical"/> lies in.</summary>
    public bool Holds(ulong physical) => _pages.ContainsKey(physical & ~(PageSize - 1));

    /// <summary>Every word that is not 0, ascending.</summary>
    public IEnumerable<(ulong Physical, ulong Value)> Words()
    {
        foreach (ulong address in Addresses)
        {
            ulong[] words = _pages[address];
            for (int i = 0; i < WordsPerPage; i++)
                if (words[i] != 0)
                    yield return (address + ((ulong)i * sizeof(ulong)), words[i]);
        }
    }

    /// <summary>SHA-256 over, page by page ascending, the address as 8 bytes and the 4096 bytes, little endian; lower-case hex.</summary>
    public string Hash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] bytes = new byte[sizeof(ulong) + PageSize];
        foreach (ulong address in Addresses)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, address);
            for (int i = 0; i < WordsPerPage; i++)
                BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan((i + 1) * sizeof(ulong)), _pages[address][i]);
            hash.AppendData(bytes);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>
    /// Expands the run-length form of a page: tokens <c>start[*count[/stride]]:value[+step]</c>, all hexadecimal, separated by spaces.
    /// </summary>
    /// <returns>The page's words; null with the wrong token in <paramref name="wrong"/>.</returns>
    public static ulong[]? Expand(string runs, out string wrong)
    {
        ulong[] words = new ulong[WordsPerPage];
        foreach (string token in runs.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            wrong = token;
            if (!ExpandToken(token, words))
                return null;
        }
        wrong = "";
        return words;
    }

    private static bool ExpandToken(string token, ulong[] words)
    {
        string[] sides = token.Split(':');
        if (sides.Length != 2)
            return false;
        (string startText, string? countText) = Cut(sides[0], '*');
        (countText, string? strideText) = countText is null ? (null, null) : Cut(countText, '/');
        (string valueText, string? stepText) = Cut(sides[1], '+');
        if (!Hex(startText, out ulong start) || !Hex(countText ?? "1", out ulong count) || !Hex(strideText ?? "1", out ulong stride)
            || !Hex(valueText, out ulong value) || !Hex(stepText ?? "0", out ulong step))
            return false;
        if (count is 0 or > WordsPerPage || stride > WordsPerPage || start + ((count - 1) * stride) >= WordsPerPage || start >= WordsPerPage)
            return false;
        for (ulong i = 0; i < count; i++)
            words[start + (i * stride)] = unchecked(value + (i * step));
        return true;
    }

    private static (string Head, string? Tail) Cut(string text, char at)
    {
        int index = text.IndexOf(at, StringComparison.Ordinal);
        return index < 0 ? (text, null) : (text[..index], text[(index + 1)..]);
    }

    private static bool Hex(string text, out ulong value) =>
        ulong.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
}
