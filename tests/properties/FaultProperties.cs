using System.Reflection;
using IommuSpec;
using IommuSpec.Formats;
using IommuSpec.Rules;
using IommuVerify.Tests.Properties.Support;
using Xunit;

namespace IommuVerify.Tests.Properties;

/// <summary>FLT: reasons, the bits of a record, and how many there can be.</summary>
public class FaultProperties
{
    // VT-d fault reason encodings, code by code: name here, code, whether FPD suppresses it where it is a legacy-mode fault.
    private static readonly (string Name, byte Code, bool Qualified)[] Sheet =
    [
        (nameof(VtdFault.RootNotPresent), 0x01, false),
        (nameof(VtdFault.ContextNotPresent), 0x02, true),
        (nameof(VtdFault.ContextInvalid), 0x03, true),
        (nameof(VtdFault.BeyondWidth), 0x04, true),
        (nameof(VtdFault.NoWrite), 0x05, true),
        (nameof(VtdFault.NoRead), 0x06, true),
        (nameof(VtdFault.EntryUnreadable), 0x07, true),
        (nameof(VtdFault.RootUnreadable), 0x08, false),
        (nameof(VtdFault.ContextUnreadable), 0x09, false),
        (nameof(VtdFault.RootReserved), 0x0a, false),
        (nameof(VtdFault.ContextReserved), 0x0b, false),
        (nameof(VtdFault.SecondStageReserved), 0x0c, true),
        (nameof(VtdFault.IntoInterruptWindow), 0x0e, true),
    ];

    private static readonly (string Name, byte Code)[] ScalableSheet =
    [
        (nameof(VtdFault.FirstStageUnreadable), 0x70),
        (nameof(VtdFault.FirstStageRootUnreadable), 0x73),
        (nameof(VtdFault.FirstStageNotPresent), 0x71),
        (nameof(VtdFault.FirstStageReserved), 0x72),
        (nameof(VtdFault.NotCanonical), 0x80),
        (nameof(VtdFault.NotUser), 0x81),
        (nameof(VtdFault.BeyondHardware), 0x83),
        (nameof(VtdFault.FirstStageNoWrite), 0x85),
        (nameof(VtdFault.FirstStageIntoInterruptWindow), 0x87),
    ];

    [SpecProperty(MaxTest = 1000)]
    public void The_implementation_conforms_while_the_log_overflows(Seed seed) => Conformance.Holds("faults", seed.Value);

    [Fact]
    public void Reason_codes_are_the_fact_sheets()
    {
        Dictionary<string, byte> written = typeof(VtdFault).GetFields(BindingFlags.Public | BindingFlags.Static)
            .Where(field => field.IsLiteral)
            .ToDictionary(field => field.Name, field => (byte)field.GetRawConstantValue()!);
        Dictionary<string, byte> sheet = Sheet.Select(row => (row.Name, row.Code)).Concat(ScalableSheet).ToDictionary(row => row.Name, row => row.Code);
        Assert.Equal(sheet.OrderBy(row => row.Key, StringComparer.Ordinal), written.OrderBy(row => row.Key, StringComparer.Ordinal));
        Assert.All(Sheet, row => Assert.Equal(row.Qualified, VtdFault.IsQualified(row.Code)));
    }

    // VT-d fault recording register: FI 63:12 of the low word; SID 15:0, FR 39:32, T 62, F 63 of the high one; nothing else.
    [SpecProperty]
    public void A_record_holds_its_four_fields_and_nothing_else(ushort requester, AccessKind kind, ulong iova, byte reason)
    {
        FaultRecord record = Faults.Lay(requester, kind, iova, reason);
        Assert.Equal(iova >> 12 << 12, record.Low);
        Assert.Equal(requester, (ushort)record.High);
        Assert.Equal(reason, (byte)(record.High >> 32));
        Assert.Equal(kind == AccessKind.Read ? 3ul : 2ul, record.High >> 62);
        Assert.Equal(0ul, record.High & 0x3fff_ff00_ffff_0000);
    }

    [SpecProperty]
    public void A_log_never_holds_more_than_its_records_and_a_second_drain_finds_nothing(AnyPlay play)
    {
        foreach (Way way in Spec.Step(play.State, new Op.DrainFaults()).Ways())
        {
            Observation.Faults found = (Observation.Faults)way.Seen;
            Assert.InRange(found.Records.Length, 0, play.State.Platform.FaultRecordCount);
            Assert.True(!found.Overflow || found.Records.Length == play.State.Platform.FaultRecordCount);
            Observation none = Assert.Single(Spec.Step(way.Next, new Op.DrainFaults()).Ways()).Seen;
            Assert.Equal(new Observation.Faults([], false), none);
        }
    }

    [SpecProperty]
    public void Every_faulting_piece_is_in_the_log_or_overflows_it(SoftwarePlay play)
    {
        State state = Play.After(play.State, new Op.DrainFaults());
        List<FaultRecord> expected = [];
        foreach (Op.Access probe in play.Probes().Take(12))
        {
            Way way = Spec.Step(state, probe).Ways().First();
            ushort requester = Platform.RequesterId(probe.Device);
            foreach (Piece piece in ((Observation.Moved)way.Seen).Pieces.Where(piece => piece.Outcome.Kind == OutcomeKind.Faulted))
            {
                FaultRecord record = Faults.Lay(requester, probe.Kind, piece.Iova, piece.Outcome.Reason);
                if (!play.State.Platform.FaultCompression || expected.TrueForAll(other => (ushort)other.High != requester))
                    expected.Add(record);
            }

            state = way.Next;
        }

        int room = play.State.Platform.FaultRecordCount;
        Observation drained = Assert.Single(Spec.Step(state, new Op.DrainFaults()).Ways()).Seen;
        Assert.Equal(new Observation.Faults([.. expected.Take(room)], expected.Count > room), drained);
    }
}
