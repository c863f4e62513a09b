using System.Collections.Immutable;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Report;

/// <summary>The specification's state in short form, for people: one line a fact, and nothing that is as at the start.</summary>
public static class StateText
{
    private const int LongestList = 12;

    public static ImmutableArray<string> Lines(State state)
    {
        ImmutableArray<string> lines = [.. Facts(state)];
        return lines.IsEmpty ? ["as at the start"] : lines;
    }

    private static IEnumerable<string> Facts(State state) =>
        Devices(state)
            .Concat(state.Domains.Entries.SelectMany(entry => Domain(entry.Value, entry.Number)))
            .Concat(Registers(state.Hardware))
            .Concat(Memory(state.Hardware))
            .Concat(Others(state));

    private static IEnumerable<string> Devices(State state)
    {
        foreach ((ulong device, Attachment attachment) in state.Attachments.Entries)
        {
            if (attachment.Kind != AttachmentKind.None)
                yield return $"d{device} uses {(attachment.Kind == AttachmentKind.Identity ? "identity" : $"dom{attachment.Domain}")}";
        }

        foreach ((ulong device, Programmed program) in state.Hardware.Programs.Entries)
        {
            if (program.Present)
                yield return $"d{device} uses the root table at 0x{program.Root:x}, domain id 0x{program.DomainId:x}";
        }
    }

    private static IEnumerable<string> Domain(Domain domain, ulong slot) =>
        Few(domain.Mapped.Select(mapping => $"dom{slot} maps {Of(mapping)}"))
            .Concat(Few(domain.Lingering.Select(past => $"dom{slot} may remember for {past.Range}: {(past.Then is { } then ? Of(then) : "nothing mapped")}")));

    private static string Of(Mapping mapping) =>
        $"{mapping.Range} to 0x{mapping.Physical:x} {Right(mapping, Rights.Read, 'r')}{Right(mapping, Rights.Write, 'w')}";

    private static char Right(Mapping mapping, Rights right, char letter) => (mapping.Rights & right) != 0 ? letter : '-';

    private static IEnumerable<string> Registers(Hardware hardware)
    {
        if (hardware.Translating)
            yield return "translation is on";
        if (hardware.RootTable.Value != 0)
            yield return $"root table at 0x{hardware.RootTable.Value:x}{Past(hardware.RootTable)}";
    }

    private static IEnumerable<string> Memory(Hardware hardware) =>
        Few(hardware.Memory.Words()
            .Where(at => at.Word.Value != 0 || at.Word.Past.Length > 0)
            .Select(at => $"[0x{at.Physical:x}] = 0x{at.Word.Value:x}{(at.Word.Maybe == 0 ? "" : $", perhaps also 0x{at.Word.Maybe:x}")}{Past(at.Word)}"));

    private static string Past(Word word) =>
        word.Past.IsEmpty ? "" : $", before that {string.Join(", ", word.Past.Reverse().Take(4).Select(held => $"0x{held.Value:x}"))}";

    private static IEnumerable<string> Others(State state)
    {
        if (!state.Faults.Events.IsEmpty)
            yield return $"{state.Faults.Events.Length} faults since the log was drained";
        if (state.FailureArmed)
            yield return "an allocation is set to fail";
    }

    private static IEnumerable<string> Few(IEnumerable<string> facts)
    {
        string[] all = [.. facts];
        return all.Length <= LongestList ? all : all.Take(LongestList).Append($"and {all.Length - LongestList} more");
    }
}
