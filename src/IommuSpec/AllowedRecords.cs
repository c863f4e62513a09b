using System.Collections.Immutable;
using IommuSpec.Rules;

namespace IommuSpec;

/// <summary>What software may find in the fault records.</summary>
/// <param name="Platform">Says how many records there are, and whether they are compressed.</param>
/// <param name="Log">The faults since the last drain; a stale context entry may have kept some of them out.</param>
/// <param name="Next">The state afterwards.</param>
public sealed record AllowedRecords(Platform Platform, FaultLog Log, State Next) : Allowed
{
    private const int MostWays = 64;

    public override Way? Match(Observation seen) => seen is Observation.Faults found && MayBe(found) ? Found(found) : null;

    private Way Found(Observation.Faults found)
    {
        RuleId rule = found.Overflow ? RuleId.Flt2 : RuleId.Flt5;
        return new(found, Next, rule, RuleSet.Of(rule) | Log.Dropped);
    }

    // How many of the records seen may be written after each fault; what was written so far is what was seen.
    private bool MayBe(Observation.Faults found)
    {
        bool[] written = new bool[found.Records.Length + 1];
        written[0] = true;
        bool overflow = false;
        foreach (FaultEvent fault in Log.Events)
        {
            bool[] then = new bool[written.Length];
            for (int count = 0; count < written.Length; count++)
            {
                if (!written[count])
                    continue;
                bool dropped = Faults.IsCompressed(Platform, found.Records.AsSpan()[..count], fault.Requester);
                bool full = !dropped && Faults.Overflows(Platform, count);
                then[count] |= !fault.Certain || dropped;
                overflow |= full;
                if (!dropped && !full && count < found.Records.Length && fault.MayBe(found.Records[count]))
                    then[count + 1] = true;
            }
            written = then;
        }
        return found.Overflow ? overflow && found.Records.Length == Platform.FaultRecordCount : written[^1];
    }

    /// <summary>All faults recorded, then without each that may have been kept out, then without all of them.</summary>
    public override IEnumerable<Way> Ways()
    {
        IEnumerable<int> uncertain = Enumerable.Range(0, Log.Events.Length).Where(i => !Log.Events[i].Certain);
        return uncertain.Select(left => Written((i, _) => i != left))
            .Prepend(Written((_, _) => true))
            .Take(MostWays)
            .Append(Written((_, fault) => fault.Certain))
            .Select(Found)
            .DistinctBy(way => Words.Of(way.Seen));
    }

    private Observation.Faults Written(Func<int, FaultEvent, bool> isRecorded)
    {
        ImmutableArray<FaultRecord> records = [];
        for (int i = 0; i < Log.Events.Length; i++)
        {
            if (!isRecorded(i, Log.Events[i]) || Faults.IsCompressed(Platform, records.AsSpan(), Log.Events[i].Requester))
                continue;
            if (Faults.Overflows(Platform, records.Length))
                return new(records, Overflow: true);
            records = records.Add(Log.Events[i].Record);
        }
        return new(records, Overflow: false);
    }

    /// <summary>By what is wrong: the bits of the records, the overflow flag, how many were dropped or kept, or just their order.</summary>
    public override RuleId Broken(Observation seen)
    {
        if (seen is not Observation.Faults found)
            return RuleId.Flt5;
        Observation.Faults expected = Written((_, _) => true);
        bool compressed = Log.Dropped.Contains(RuleId.Flt3);
        return found.Overflow != expected.Overflow ? compressed ? RuleId.Flt3 : RuleId.Flt2
            : found.Records.Length > expected.Records.Length
                ? compressed ? RuleId.Flt3 : Log.Dropped.Contains(RuleId.Flt4) ? RuleId.Flt4 : expected.Overflow ? RuleId.Flt2 : RuleId.Flt5
            : found.Records.Length == expected.Records.Length && found.Records.All(expected.Records.Contains) ? RuleId.Flt5
            : expected.Overflow ? RuleId.Flt2
            : RuleId.Flt1;
    }

    public override ImmutableArray<string> Describe() => [.. Ways().Select(way => $"{Words.Of(way.Seen)}  ({way.Rule.Text()})")];
}
