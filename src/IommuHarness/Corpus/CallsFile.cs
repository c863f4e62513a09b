using System.Collections.Immutable;
using System.Globalization;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Corpus;

/// <summary>One recorded call of the kernel's IOMMU layer and what it returned.</summary>
/// <param name="Line">Its line in the file, from 1.</param>
/// <param name="Op">What was asked.</param>
/// <param name="Seen">What the kernel answered.</param>
public sealed record RecordedCall(int Line, Op Op, Observation Seen);

/// <summary>What a real kernel asked of its IOMMU layer, in order.</summary>
/// <param name="FileName">The file's name without its directory, for messages.</param>
/// <param name="Comments">The file's comment lines without their mark.</param>
/// <param name="Calls">The calls.</param>
/// <param name="DeviceNames">Bus, device and function by device slot: slots are given in order of appearance.</param>
/// <param name="DomainNames">The file's name by domain slot.</param>
public sealed record Recording(
    string FileName,
    ImmutableArray<string> Comments,
    ImmutableArray<RecordedCall> Calls,
    ImmutableArray<string> DeviceNames,
    ImmutableArray<string> DomainNames)
{
    /// <summary>
    /// The calls as a history. After an unmap comes the invalidation that the kernel's unmap waits for before it returns
    /// (Linux drivers/iommu/iommu.c: iommu_unmap is unmap_fast and iotlb_sync), so operations and calls have different numbers.
    /// </summary>
    /// <param name="platform">What was declared about the kernel's driver; contexts are <see cref="ContextMode.Software"/>.</param>
    /// <param name="lines">The line of the call that each operation came from.</param>
    public History ToHistory(Platform platform, out ImmutableArray<int> lines)
    {
        var ops = ImmutableArray.CreateBuilder<Op>();
        var seen = ImmutableArray.CreateBuilder<Observation>();
        var from = ImmutableArray.CreateBuilder<int>();
        void Add(Op op, Observation observation, int line)
        {
            ops.Add(op);
            seen.Add(observation);
            from.Add(line);
        }

        foreach (RecordedCall call in Calls)
        {
            Add(call.Op, call.Seen, call.Line);
            if (call is { Op: Op.Unmap unmap, Seen: Observation.Unmapped { Length: > 0 } removed })
                Add(new Op.Invalidate(unmap.Domain, unmap.Iova, removed.Length), Observation.Done.Instance, call.Line);
        }
        lines = from.ToImmutable();
        return new History(new Scenario(platform, ops.ToImmutable()), seen.ToImmutable());
    }
}

/// <summary>
/// Reads recorded kernel calls, one a line: <c>attach DOMAIN BDF</c>, <c>map DOMAIN IOVA PHYSICAL SIZE FLAGS</c>,
/// <c>unmap DOMAIN IOVA SIZE = RETURNED</c>, <c>free DOMAIN</c>; numbers are hexadecimal, flags are the kernel's IOMMU_READ 1 to
/// IOMMU_PRIV 32; a line that begins with # is a comment. Every attach, map and free succeeded.
/// </summary>
public static class CallsFile
{
    private const string Known = "a call (attach, map, unmap, free)";

    /// <exception cref="InputException">The file does not exist or holds something else.</exception>
    public static Recording Load(string path) => Read(InputText.Load(path), Path.GetFileName(path));

    /// <param name="text">The whole file.</param>
    /// <param name="fileName">The name that errors give.</param>
    /// <exception cref="InputException">A line is no call; with line and column.</exception>
    public static Recording Read(string text, string fileName)
    {
        var comments = ImmutableArray.CreateBuilder<string>();
        var calls = ImmutableArray.CreateBuilder<RecordedCall>();
        var devices = new Slots("devices");
        var domains = new Slots("domains");
        string[] lines = text.Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].TrimEnd('\r');
            if (line.StartsWith('#'))
                comments.Add(line[1..].Trim());
            else if (line.AsSpan().Trim().Length != 0)
                calls.Add(ReadCall(new CallLine(fileName, i + 1, line), devices, domains));
        }
        return new Recording(fileName, comments.ToImmutable(), calls.ToImmutable(), devices.Names, domains.Names);
    }

    private static RecordedCall ReadCall(CallLine line, Slots devices, Slots domains)
    {
        RecordedCall call;
        string kind = line.Word(Known);
        switch (kind)
        {
            case "attach":
                int attachTo = domains.Slot(line, "a domain");
                call = new RecordedCall(line.Number, new Op.Attach(devices.Slot(line, "a device (bus:device.function)"), attachTo), Observation.Done.Instance);
                break;
            case "map":
                int mapIn = domains.Slot(line, "a domain");
                (ulong iova, ulong physical, ulong size) = (line.Hex("an IOVA"), line.Hex("a physical address"), line.Hex("a size"));
                var flags = (Rights)line.Hex("flags up to 0x3f", 0x3f);
                call = new RecordedCall(line.Number, new Op.Map(mapIn, iova, size, physical, flags), Observation.Done.Instance);
                break;
            case "unmap":
                int unmapIn = domains.Slot(line, "a domain");
                var unmap = new Op.Unmap(unmapIn, line.Hex("an IOVA"), line.Hex("a size"));
                line.Expect("=");
                call = new RecordedCall(line.Number, unmap, Removed(unmap, line.Hex("the bytes unmapped")));
                break;
            case "free":
                call = new RecordedCall(line.Number, new Op.FreeDomain(domains.Slot(line, "a domain")), Observation.Done.Instance);
                break;
            default:
                throw line.WrongWord(Known);
        }
        line.ExpectEnd();
        return call;
    }

    // The kernel answers 0 to a request that it refuses and where there is nothing; which of the two shows in the request.
    private static Observation Removed(Op.Unmap unmap, ulong returned) =>
        returned != 0 ? new Observation.Unmapped(returned)
        : unmap.Length == 0 ? new Observation.Refused(Refusal.Empty)
        : AddressRange.Wraps(unmap.Iova, unmap.Length) ? new Observation.Refused(Refusal.Wraps)
        : ((unmap.Iova | unmap.Length) & (Platform.Granule - 1)) != 0 ? new Observation.Refused(Refusal.Misaligned)
        : new Observation.Refused(Refusal.NotMapped);

    /// <summary>Names in order of appearance.</summary>
    private sealed class Slots(string what)
    {
        private readonly Dictionary<string, int> _slots = new(StringComparer.Ordinal);
        private readonly ImmutableArray<string>.Builder _names = ImmutableArray.CreateBuilder<string>();

        public ImmutableArray<string> Names => _names.ToImmutable();

        public int Slot(CallLine line, string expected)
        {
            string name = line.Word(expected);
            if (_slots.TryGetValue(name, out int slot))
                return slot;
            if (_names.Count == Platform.SlotCount)
                throw line.WrongWord($"at most {Platform.SlotCount} {what}");
            _slots.Add(name, _names.Count);
            _names.Add(name);
            return _names.Count - 1;
        }
    }

    /// <summary>The words of one line.</summary>
    private sealed class CallLine(string file, int number, string text)
    {
        private int _next;
        private int _word;

        public int Number => number;

        public string Word(string expected)
        {
            while (_next < text.Length && text[_next] == ' ')
                _next++;
            _word = _next;
            while (_next < text.Length && text[_next] != ' ')
                _next++;
            return _next > _word ? text[_word.._next] : throw Wrong(expected, "the end of the line");
        }

        public ulong Hex(string expected, ulong last = ulong.MaxValue)
        {
            string word = Word($"{expected}, 0x…");
            return word.StartsWith("0x", StringComparison.Ordinal)
                && ulong.TryParse(word.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value) && value <= last
                    ? value
                    : throw WrongWord($"{expected}, 0x…");
        }

        public void Expect(string word)
        {
            if (Word($"'{word}'") != word)
                throw WrongWord($"'{word}'");
        }

        public void ExpectEnd()
        {
            if (text.AsSpan(_next).Trim().Length == 0)
                return;
            Word("");
            throw WrongWord("the end of the line");
        }

        public InputException WrongWord(string expected) => Wrong(expected, $"'{text[_word.._next]}'");

        private InputException Wrong(string expected, string found) => new(file, number, _word + 1, expected, found);
    }
}
