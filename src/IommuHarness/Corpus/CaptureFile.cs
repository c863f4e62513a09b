using System.Collections.Immutable;
using System.Globalization;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Corpus;

/// <summary>Reads captures of page tables, schema iommu-capture/1. Source: corpus/captures/README.md.</summary>
public static class CaptureFile
{
    private const string Schema = "iommu-capture/1";
    private const ulong PageSize = CaptureMemory.WordsPerPage * sizeof(ulong);

    /// <summary>Reads a file.</summary>
    /// <exception cref="InputException">It does not exist, is cut short, or is no capture of this family.</exception>
    public static Capture Load(string path) => Read(InputText.Load(path), Path.GetFileName(path));

    /// <summary>Reads a capture from its text.</summary>
    /// <param name="text">The whole file.</param>
    /// <param name="fileName">The name that errors give.</param>
    /// <exception cref="InputException">The text is not such a capture; the message says where.</exception>
    public static Capture Read(string text, string fileName)
    {
        JsonPlace root = JsonPlace.Parse(text, fileName);
        if (root["schema"] is var schema && schema.Text != Schema)
            throw schema.Wrong($"\"{Schema}\"", $"\"{schema.Text}\"");
        if (root["family"] is var family && family.Text != "vtd")
            throw family.Wrong("the family \"vtd\"", $"\"{family.Text}\"");
        CaptureMemory memory = ReadPages(root);
        ImmutableArray<CaptureSpace> spaces = [.. root["spaces"].Items.Select(ReadSpace)];
        return new Capture(
            fileName,
            root["name"].Text,
            root["note"].Text,
            root["kernel"].Text,
            ReadRegisters(root),
            root["limits"]["haw"].Small(52),
            memory,
            spaces,
            [.. root["devices"].Items.Select(d => ReadDevice(d, spaces))],
            ReadTruth(root["truth"]));
    }

    private static CaptureRegisters ReadRegisters(JsonPlace root)
    {
        JsonPlace registers = root["registers"];
        var capability = new VtdCapability(registers["cap"].Number, registers["ecap"].Number);
        JsonPlace limits = root["limits"];
        Same(limits["mgaw"], capability.IovaBits);
        Same(limits["sagaw"], capability.SupportedWidths);
        Same(limits["snoop_control"], capability.SnoopControl ? 1 : 0);
        return new CaptureRegisters(capability, registers["rtaddr"].Number);
    }

    private static void Same(JsonPlace limit, int register)
    {
        if (limit.Number != (ulong)register)
            throw limit.Wrong($"{register} as in the capability register", limit.Element.GetRawText());
    }

    private static CaptureMemory ReadPages(JsonPlace root)
    {
        var pages = new Dictionary<ulong, ulong[]>();
        var tables = new List<ulong>();
        foreach (JsonPlace page in root["pages"].Items)
        {
            JsonPlace place = page["pa"];
            if (place.Number % PageSize != 0)
                throw place.Wrong("a multiple of 0x1000", place.Element.GetRawText());
            ulong[] words = CaptureMemory.Expand(page["w"].Text, out string wrong)
                ?? throw page["w"].Wrong("runs start[*count[/stride]]:value[+step] within 0x200 words, hexadecimal", $"'{wrong}'");
            int count = page.Optional("n")?.Small(1 << 20) ?? 1;
            bool isTable = page["kind"].Text is ['s' or 'f', 's', '-', ..];
            for (int i = 0; i < count; i++)
            {
                ulong address = unchecked(place.Number + ((ulong)i * PageSize));
                if (!pages.TryAdd(address, words))
                    throw place.Wrong("every page once", $"0x{address:x} a second time");
                if (isTable)
                    tables.Add(address);
            }
        }
        var memory = new CaptureMemory(pages, tables);
        if (root["page_count"] is var counted && counted.Number != (ulong)pages.Count)
            throw counted.Wrong($"{pages.Count}, the number of pages listed", counted.Element.GetRawText());
        if (root["pages_sha256"] is var hash && hash.Text != memory.Hash())
            throw hash.Wrong($"the SHA-256 of the pages listed, {memory.Hash()}", hash.Text);
        return memory;
    }

    private static TableFormat ReadFormat(JsonPlace place) => place.Text switch
    {
        "vtd-ss" => TableFormat.VtdSecondStage,
        "vtd-fs" => TableFormat.X86FirstStage,
        _ => throw place.Wrong("vtd-ss or vtd-fs", $"\"{place.Text}\""),
    };

    private static CaptureSpace ReadSpace(JsonPlace place)
    {
        JsonPlace levels = place["levels"];
        int levelCount = levels.Small(5) is var n and >= 3 ? n : throw levels.Wrong("3, 4 or 5 levels", levels.Element.GetRawText());
        var space = new CaptureSpace(
            place["id"].Text, ReadFormat(place["format"]), place["root"].Number, levelCount, place["bytes_mapped"].Number,
            [.. place["maps"].Items.Select(ReadMapping)]);
        ulong sum = space.Mappings.Aggregate(0UL, (total, m) => unchecked(total + m.Length));
        return sum == space.MappedBytes ? space : throw place["bytes_mapped"].Wrong($"0x{sum:x}, the sum of maps", $"0x{space.MappedBytes:x}");
    }

    private static CaptureMapping ReadMapping(JsonPlace place)
    {
        var mapping = new CaptureMapping(
            place["iova"].Number, place["len"].Number, place["pa"].Number, ReadRights(place), place["page"].Number);
        if (mapping.PageSize < PageSize || (mapping.PageSize & (mapping.PageSize - 1)) != 0)
            throw place["page"].Wrong("a power of two from 0x1000", $"0x{mapping.PageSize:x}");
        if (mapping.Length == 0 || ((mapping.Iova | mapping.Physical | mapping.Length) & (mapping.PageSize - 1)) != 0)
            throw place.Wrong("a mapping of whole, aligned pages", $"0x{mapping.Iova:x}+0x{mapping.Length:x} at 0x{mapping.Physical:x}");
        if (AddressRange.Wraps(mapping.Iova, mapping.Length) || AddressRange.Wraps(mapping.Physical, mapping.Length))
            throw place["len"].Wrong("a length that ends within 64 bits", $"0x{mapping.Length:x}");
        return mapping;
    }

    private static Rights ReadRights(JsonPlace place) =>
        (place["r"].Small(1) == 1 ? Rights.Read : Rights.None) | (place["w"].Small(1) == 1 ? Rights.Write : Rights.None);

    private static CaptureDevice ReadDevice(JsonPlace place, ImmutableArray<CaptureSpace> spaces)
    {
        string? space = place.Optional("space")?.Text;
        if (space is not null && spaces.All(s => s.Id != space))
            throw place["space"].Wrong($"the id of one of the {spaces.Length} spaces", $"\"{space}\"");
        return new CaptureDevice(
            place["bdf"].Text,
            (ushort)place["requester"].Small(ushort.MaxValue),
            place["attach"].Text,
            space,
            (ushort)(place.Optional("did")?.Small(ushort.MaxValue) ?? 0),
            place.Optional("driver")?.Text is { } driver && driver != "-" ? driver : "",
            ReadNoExecute(place));
    }

    // PASID-table entry, word 2 bit 5: NXE (Linux drivers/iommu/intel/pasid.h).
    private static bool ReadNoExecute(JsonPlace device)
    {
        if (device.Optional("pasid_entry") is not { } entry)
            return true;
        JsonPlace word = entry.Items is { Length: 8 } words ? words[2] : throw entry.Wrong("8 words", $"{entry.Items.Length}");
        return ulong.TryParse(word.Text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value)
            ? Bits.Field(value, 5, 5) != 0
            : throw word.Wrong("a word in hexadecimal", $"\"{word.Text}\"");
    }

    private static CaptureTruth ReadTruth(JsonPlace truth)
    {
        JsonPlace? missed = truth.Optional("kernel_calls")?.Optional("missed_probe_hits");
        return new CaptureTruth(
            [.. truth["widened_write_only"].Items.Select(ReadFormat)],
            missed?.Members.Sum(m => m.Place.Small(int.MaxValue)) ?? 0,
            truth.Optional("vfio") is { } vfio ? ReadProgram(vfio) : []);
    }

    private static ImmutableArray<VfioContainer> ReadProgram(JsonPlace vfio)
    {
        ImmutableArray<JsonPlace> calls = vfio["ops"].Items;
        return
        [
            .. vfio["containers"].Members.Select((member, i) => new VfioContainer(
                [.. member.Place["devices"].Items.Select(d => d.Text)],
                [.. calls.Where(c => c["c"].Number == (ulong)i).Select(ReadCall)])),
        ];
    }

    private static VfioCall ReadCall(JsonPlace place)
    {
        bool isMap = place["op"].Text switch
        {
            "map" => true,
            "unmap" => false,
            _ => throw place["op"].Wrong("map or unmap", $"\"{place["op"].Text}\""),
        };
        Rights rights = isMap ? ReadRights(place) : Rights.None;
        return new VfioCall(
            isMap, place["iova"].Number, place["len"].Number, rights, place["errno"].Small(4096),
            isMap ? 0 : place["returned"].Number,
            isMap ? [.. place["phys"].Items.Select(run => ReadRun(run, rights))] : [],
            place.Optional("what")?.Text ?? "");
    }

    private static CaptureMapping ReadRun(JsonPlace run, Rights rights) =>
        run.Items is { Length: 3 } numbers
            ? new CaptureMapping(numbers[0].Number, numbers[1].Number, numbers[2].Number, rights, PageSize)
            : throw run.Wrong("iova, length and physical address", run.Element.GetRawText());
}
