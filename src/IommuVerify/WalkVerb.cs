using System.CommandLine;
using System.Globalization;
using IommuHarness.Corpus;
using IommuHarness.Trace;

namespace IommuVerify;

/// <summary><c>walk</c>: what captured page tables map, and how one address is walked.</summary>
internal static class WalkVerb
{
    private static readonly Argument<string> FilePath = new("capture") { Description = "A capture of page tables (corpus/captures/*.json)" };
    private static readonly Option<string?> Device = new("--device") { Description = "What this device's tables map", HelpName = "BDF" };
    private static readonly Option<string?> Iova = new("--iova") { Description = "How the device's access to this address is walked", HelpName = "ADDRESS" };
    private static readonly Option<string> Format = Settings.Format();

    public static Command Create()
    {
        Command command = new("walk", "Shows captured page tables: devices, a device's mappings, the walk of one address") { FilePath, Device, Iova, Format };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        bool json = Settings.IsJson(parsed.GetRequiredValue(Format));
        ulong? iova = Address(parsed.GetValue(Iova));
        Capture capture = CaptureFile.Load(parsed.GetRequiredValue(FilePath));
        if (parsed.GetValue(Device) is { } name)
        {
            CaptureWalk walk = CaptureWalk.Of(capture, CaptureWalk.Find(capture, name));
            Console.Out.Write((iova, json) switch
            {
                ({ } at, true) => WalkJson.Walk(capture, walk, at),
                ({ } at, false) => WalkText.Walk(capture, walk, at),
                (null, true) => WalkJson.Mappings(capture, walk),
                (null, false) => WalkText.Mappings(capture, walk),
            });
        }
        else if (iova is null)
            Console.Out.Write(json ? WalkJson.Devices(capture) : WalkText.Devices(capture));
        else
            throw new InputException("--iova", 0, 0, "--device as well: whose address it is", "none");
        return ExitCode.Conforms;
    }

    private static ulong? Address(string? text) =>
        text is null ? null
        : text.StartsWith("0x", StringComparison.Ordinal) && ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value) ? value
        : throw Settings.Wrong("--iova", "an address of at most 64 bits, 0x…", text);
}
