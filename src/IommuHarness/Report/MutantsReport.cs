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
    private static readonly ImmutableArray<int> Widths = [-42, 12, 9, -12, -14, 10, -1];

    /// <summary>The first line of the table.</summary>
    public static string Head => Line("mutant", "killed after", "at worst", "by", "named", "operations", "source");

    /// <summary>A line of the table: cases to the first kill in the seed in the middle and in the worst one, and the most operations of a minimal history.</summary>
    /// <param name="fates">One mutant's, seed by seed; at least one.</param>
    public static string Row(ImmutableArray<MutantFate> fates)
    {
        // Who survived a seed comes last.
        ImmutableArray<MutantFate> sorted = [.. fates.OrderBy(fate => fate.First?.CaseCount ?? long.MaxValue)];
        MutantPatch patch = fates[0].Patch;
        return Line(
            patch.Name,
            After(sorted[sorted.Length / 2]),
            After(sorted[^1]),
            string.Join(", ", fates.Select(Shown).Where(kill => kill is not null).Select(kill => kill!.Rule.Text()).Distinct()),
            patch.IsEquivalent ? "equivalent" : string.Join(", ", patch.Rules.Select(rule => rule.Text())),
            fates.Max(fate => fate.Minimal?.Ops.Length) is { } operations ? Number(operations) : "",
            patch.Source.Split(' ')[0]) + Remark(fates.FirstOrDefault(fate => !fate.IsAsWanted) ?? fates[0]);
    }

    /// <summary>The lines below the table.</summary>
    /// <param name="fates">Of every mutant in every seed.</param>
    /// <param name="seedCount">Seeds.</param>
    public static string Summary(ImmutableArray<MutantFate> fates, int seedCount)
    {
        ImmutableArray<MutantFate> wrong = [.. fates.Where(fate => !fate.Patch.IsEquivalent)];
        ImmutableArray<long> after = [.. wrong.Where(fate => fate.First is not null).Select(fate => fate.First!.CaseCount).Order()];
        string cases = after.IsEmpty ? "" : $"; cases to the first kill: median {Number(after[after.Length / 2])}, worst {Number(after[^1])}";
        string seeds = seedCount == 1 ? "" : $" on each of {seedCount} seeds";
        int wrongCount = wrong.DistinctBy(fate => fate.Patch.Name).Count();
        int killed = wrongCount - wrong.Where(fate => !fate.IsAsWanted).DistinctBy(fate => fate.Patch.Name).Count();
        ImmutableArray<MutantFate> same = [.. fates.Where(fate => fate.Patch.IsEquivalent)];
        int equivalent = same.DistinctBy(fate => fate.Patch.Name).Count();
        int left = equivalent - same.Where(fate => !fate.IsAsWanted).DistinctBy(fate => fate.Patch.Name).Count();
        return $"""

            {killed} of {wrongCount} mutants killed by a rule that they name{seeds}{cases}
            {left} of {equivalent} equivalent variants left alone{seeds}

            """;
    }

    /// <summary>The whole as JSON.</summary>
    /// <param name="seed">The first seed.</param>
    /// <param name="seedCount">Seeds.</param>
    /// <param name="fates">Mutant by mutant, seed by seed.</param>
    public static string Json(ulong seed, int seedCount, ImmutableArray<MutantFate> fates) => JsonText.Object(json =>
    {
        json.WriteNumber("seed", seed);
        json.WriteNumber("seeds", seedCount);
        json.WriteBoolean("as_wanted", fates.All(fate => fate.IsAsWanted));
        json.Objects("mutants", fates, (one, fate) =>
        {
            one.WriteString("name", fate.Patch.Name);
            one.WriteString("source", fate.Patch.Source);
            one.WriteString("why", fate.Patch.Why);
            one.WriteBoolean("equivalent", fate.Patch.IsEquivalent);
            one.Strings("rules", fate.Patch.Rules.Select(rule => rule.Text()));
            one.WriteNumber("seed", fate.Seed);
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
