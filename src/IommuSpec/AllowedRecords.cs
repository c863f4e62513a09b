using System.Collections.Immutable;

namespace IommuSpec;

/// <summary>What software may find in the fault records.</summary>
/// <param name="Choices">One for every set of faults that may have been recorded; the first has all of them.</param>
/// <param name="Suppressed">Faults were kept from being recorded.</param>
public sealed record AllowedRecords(ImmutableArray<Way> Choices, bool Suppressed) : Allowed
{
    public override Way? Match(Observation seen) => Choices.FirstOrDefault(way => way.Seen == seen);

    public override IEnumerable<Way> Ways() => Choices.DistinctBy(way => Words.Of(way.Seen));

    /// <summary>By what is wrong: the bits of the records, the overflow flag, how many were dropped or kept, or just their order.</summary>
    public override RuleId Broken(Observation seen)
    {
        if (seen is not Observation.Faults found)
            return RuleId.Flt5;
        Observation.Faults expected = (Observation.Faults)Choices[0].Seen;
        bool compressed = Choices[0].Rules.Contains(RuleId.Flt3);
        return found.Overflow != expected.Overflow ? compressed ? RuleId.Flt3 : RuleId.Flt2
            : found.Records.Length > expected.Records.Length ? compressed ? RuleId.Flt3 : Suppressed ? RuleId.Flt4 : expected.Overflow ? RuleId.Flt2 : RuleId.Flt5
            : found.Records.Length == expected.Records.Length && found.Records.All(expected.Records.Contains) ? RuleId.Flt5
            : RuleId.Flt1;
    }

    public override ImmutableArray<string> Describe() => [.. Ways().Select(way => $"{Words.Of(way.Seen)}  ({way.Rule.Text()})")];
}
