using System.Globalization;
using System.Numerics;
using System.Text;
using IommuHarness.Coverage;
using IommuHarness.Shrink;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Check;

/// <summary>
/// When two divergences are taken for the same one. Before shrinking there is only a rough key; after it the shape of the minimal
/// history, which leaves out what chance decided: which slots and ids, and of an address all but how wide it is and whether it is a
/// granule's. No message text takes part.
/// </summary>
public static class FindingShape
{
    private static readonly int[] IovaWidths = [48, 57, 64];
    private static readonly int[] PhysicalWidths = [39, 48, 52, 64];

    /// <summary>What can be said of a divergence without shrinking it: kind of tables, rule, operation, and how the answer is wrong.</summary>
    public static string Key(Scenario scenario, Verdict.Diverges verdict) => string.Join(
        ' ',
        Words<TableFormat>.Of(scenario.Platform.Format),
        Words<ContextMode>.Of(scenario.Platform.Contexts),
        verdict.Rule.Text(),
        OpKinds.Names[OpKinds.Index(verdict.Op)],
        Kind(verdict.Seen),
        "for",
        Kind(verdict.Allowed.Ways().First().Seen));

    /// <summary>The shape of a minimal history that breaks a rule with its last answer.</summary>
    public static string Of(History minimal, RuleId rule)
    {
        StringBuilder shape = new();
        shape.Append(CultureInfo.InvariantCulture, $"{rule.Text()} {Words<TableFormat>.Of(minimal.Scenario.Platform.Format)} {Words<ContextMode>.Of(minimal.Scenario.Platform.Contexts)}");
        Names names = new();
        for (int i = 0; i < minimal.Scenario.Ops.Length; i++)
        {
            Op op = minimal.Scenario.Ops[i];
            shape.Append("; ").Append(OpKinds.Names[OpKinds.Index(op)]);
            foreach (Argument argument in OpArguments.Of(op))
                shape.Append(' ').Append(names.Of(argument));
            if (i < minimal.Observations.Length)
                shape.Append(" = ").Append(Kind(minimal.Observations[i]));
        }

        return shape.ToString();
    }

    /// <summary>An answer without its addresses: what kind it is, and why where it says why.</summary>
    private static string Kind(Observation seen) => seen switch
    {
        Observation.Moved moved => "moved " + string.Join('+', moved.Pieces.Select(piece => Kind(piece.Outcome)).Distinct()),
        Observation.Faults faults => $"faults {faults.Records.Length}{(faults.Overflow ? " overflow" : "")}",
        Observation.Unmapped { Stopped: { } why } => $"unmapped stopped {Words<Refusal>.Of(why)}",
        Observation.Refused or Observation.Done or Observation.Crashed or Observation.Hung or Observation.Unsupported => ObservationText.Write(seen),
        _ => ObservationText.Write(seen).Split(' ')[0],
    };

    private static string Kind(Outcome outcome) => outcome.Kind switch
    {
        OutcomeKind.Landed => "at",
        OutcomeKind.Faulted => string.Create(CultureInfo.InvariantCulture, $"0x{outcome.Reason:x}"),
        _ => "interrupt",
    };

    /// <summary>Arguments as a shape tells them: slots and ids by the order of their first appearance.</summary>
    private sealed class Names
    {
        private readonly Dictionary<ArgumentKind, List<ulong>> met = [];

        public string Of(Argument argument) => argument.Kind switch
        {
            ArgumentKind.Device or ArgumentKind.Domain or ArgumentKind.DomainId => "#" + Number(argument).ToString(CultureInfo.InvariantCulture),
            ArgumentKind.Small => argument.Value.ToString(CultureInfo.InvariantCulture),
            ArgumentKind.Word => $"{argument.Value & 0xfff:x}.{Place(argument.Value & 0x000f_ffff_ffff_f000, PhysicalWidths)}.{argument.Value >> 52:x}",
            ArgumentKind.Length => Length(argument.Value),
            ArgumentKind.Iova => Place(argument.Value, IovaWidths),
            _ => Place(argument.Value, PhysicalWidths),
        };

        private int Number(Argument argument)
        {
            if (!met.TryGetValue(argument.Kind, out List<ulong>? values))
                met.Add(argument.Kind, values = []);
            if (!values.Contains(argument.Value))
                values.Add(argument.Value);
            return values.IndexOf(argument.Value);
        }

        private static string Place(ulong address, int[] widths)
        {
            string place = address % Platform.Granule == 0 ? "page" : "byte";
            int bits = 64 - BitOperations.LeadingZeroCount(address);
            return string.Create(CultureInfo.InvariantCulture, $"{place}/{widths.First(width => bits <= width)}");
        }

        private static string Length(ulong length) => length == 0
            ? "0"
            : BitOperations.TrailingZeroCount(length) switch { < 12 => "bytes", < 21 => "4k", < 30 => "2m", _ => "1g" };
    }
}
