using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using IommuHarness.Mutants;
using IommuSpec;

namespace IommuHarness.Report;

/// <summary>How mutants fared, as text and as JSON.</summary>
public static class MutantsReport
{
    // The width of each column; negative: to the left.
    private static readonly ImmutableArray<int> Widths = [-42, 12, -7, -14, 10, -1];

    /// <summary>The first line of the table.</summary>
    public static string Head => Line("mutant", "killed after", "by", "named", "operations", "source");

    /// <summary>A line of the table.</summary>
    public static string Row(MutantFate fate) => Line(
        fate.Patch.Name,
        After(fate),
        Shown(fate) is { } kill ? kill.Rule.Text() : "",
        fate.Patch.IsEquivalent ? "equivalent" : string.Join(", ", fate.Patch.Rules.Select(rule => rule.Text())),
        fate.Minimal is { } minimal ? Number(minimal.Ops.Length) : "",
        fate.Patch.Source.Split(' ')[0]) + Remark(fate);

    /// <summary>The lines below the table.</summary>
    public static string Summary(ImmutableArray<MutantFate> fates)
    {
        ImmutableArray<MutantFate> wrong = [.. fates.Where(fate => !fate.Patch.IsEquivalent)];
        ImmutableArray<long> after = [.. wrong.Where(fate => fate.First is not null).Select(fate => fate.First!.CaseCount).Order()];
        string cases = after.IsEmpty ? "" : $"; cases to the first kill: median {Number(after[after.Length / 2])}, worst {Number(after[^1])}";
        int equivalent = fates.Length - wrong.Length;
        int left = fates.Count(fate => fate.Patch.IsEquivalent && fate.IsAsWanted);
        return $"""

            {wrong.Count(fate => fate.IsAsWanted)} of {wrong.Length} mutants killed by a rule that they name{cases}
            {left} of {equivalent} equivalent variants left alone

            """;
    }

    /// <summary>The whole as JSON.</summary>
    public static string Json(ulong seed, ImmutableArray<MutantFate> fates) => JsonText.Object(json =>
    {
        json.WriteNumber("seed", seed);
        json.WriteBoolean("as_wanted", fates.All(fate => fate.IsAsWanted));
        json.Objects("mutants", fates, (one, fate) =>
        {
            one.WriteString("name", fate.Patch.Name);
            one.WriteString("source", fate.Patch.Source);
            one.WriteString("why", fate.Patch.Why);
            one.WriteBoolean("equivalent", fate.Patch.IsEquivalent);
            one.Strings("rules", fate.Patch.Rules.Select(rule => rule.Text()));
            one.WriteNumber("cases", fate.CaseCount);
            one.WriteBoolean("as_wanted", fate.IsAsWanted);
            Write(one, "first_kill", fate.First);
            Write(one, "named_kill", fate.Named);
            WriteCount(one, "operations", fate.Minimal?.Ops.Length);
        });
    });

    private static void Write(Utf8JsonWriter json, string name, Kill? kill)
    {
        if (kill is null)
        {
            json.WriteNull(name);
            return;
        }

        json.Object(name, one =>
        {
            one.WriteNumber("cases", kill.CaseCount);
            one.WriteString("rule", kill.Rule.Text());
            one.WriteString("platform", kill.Platform.Name);
            one.WriteNumber("index", kill.Index);
        });
    }

    private static void WriteCount(Utf8JsonWriter json, string name, int? count)
    {
        if (count is { } value)
            json.WriteNumber(name, value);
        else
            json.WriteNull(name);
    }

    private static Kill? Shown(MutantFate fate) => fate.Named ?? fate.First;

    private static string After(MutantFate fate) => fate.First is { } kill ? Number(kill.CaseCount) : $"> {Number(fate.CaseCount)}";

    private static string Remark(MutantFate fate) => fate switch
    {
        { IsAsWanted: true } => "",
        { Patch.IsEquivalent: true } => "    ^ equivalent, and yet something was said against it\n",
        { First: null } => "    ^ survived\n",
        _ => "    ^ killed, but never by a rule that it names\n",
    };

    private static string Line(params string[] cells) =>
        string.Join("  ", cells.Zip(Widths, (cell, width) => width < 0 ? cell.PadRight(-width) : cell.PadLeft(width))).TrimEnd() + "\n";

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
