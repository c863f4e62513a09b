using IommuSpec;
using IommuSpec.Rules;
using IommuVerify.Tests.Properties.Support;
using Xunit;

namespace IommuVerify.Tests.Properties;

/// <summary>TRN: where a device's access may land, and where never.</summary>
public class TranslationProperties
{
    [SpecProperty(MaxTest = 1000)]
    public void The_implementation_conforms_at_boundaries(Seed seed) => Conformance.Holds("boundaries", seed.Value);

    [SpecProperty]
    public void Pieces_tile_the_access_each_inside_one_granule(AnyPlay play)
    {
        foreach (Op.Access probe in play.Probes())
        {
            ulong next = probe.Iova;
            foreach (PieceAnswers piece in Play.Answers(play.State, probe))
            {
                Assert.Equal(next, piece.Iova);
                Assert.Equal(piece.Iova / Platform.Granule, (piece.Iova + (ulong)piece.Length - 1) / Platform.Granule);
                next = unchecked(next + (ulong)piece.Length);
            }

            Assert.Equal(unchecked(probe.Iova + probe.Length), next);
        }
    }

    [SpecProperty]
    public void With_nothing_lingering_every_access_has_exactly_one_answer(AnyPlay play)
    {
        Platform platform = play.State.Platform;
        State settled = platform.Contexts switch
        {
            ContextMode.Software => Play.After(play.State, new Op.InvalidateAll()),
            ContextMode.Direct => Play.After(play.State, EndIotlb),
            _ => Play.After(Play.After(play.State, new Op.FlushContexts(FlushGranularity.Global, 0, 0, 0)), EndIotlb),
        };
        foreach (PieceAnswers piece in play.Probes().SelectMany(probe => Play.Answers(settled, probe)))
            Assert.Single(piece.Answers.Select(answer => answer.Outcome).Distinct());
    }

    [SpecProperty]
    public void A_device_never_lands_outside_what_is_mapped_or_still_lingers(SoftwarePlay play)
    {
        foreach (Op.Access probe in play.Probes().Where(probe => play.State.Attachment(probe.Device).Kind == AttachmentKind.Domain))
        {
            Domain domain = play.State.Domain(play.State.Attachment(probe.Device).Domain);
            Rights needed = probe.Kind == AccessKind.Write ? Rights.Write : Rights.Read;
            foreach (PieceAnswers piece in Play.Answers(play.State, probe))
            {
                foreach (ulong landed in piece.Answers.Where(a => a.Outcome.Kind == OutcomeKind.Landed).Select(a => a.Outcome.Physical))
                {
                    Assert.Contains(
                        domain.Lingering.Where(past => past.Range.Contains(piece.Iova)).Select(past => past.Then).Append(domain.At(piece.Iova)).OfType<Mapping>(),
                        mapping => mapping.At(piece.Iova) == landed && MappingRules.Granted(play.State.Platform, mapping.Rights).HasFlag(needed));
                }
            }
        }
    }

    [SpecProperty]
    public void Nothing_translated_lands_in_the_interrupt_window_or_beyond_physical_memory(AnyPlay play)
    {
        bool translated = play.State.Platform.Contexts != ContextMode.VtdLegacy || play.State.Hardware.Translating;
        foreach (Outcome outcome in play.Probes().SelectMany(probe => Play.Answers(play.State, probe)).SelectMany(piece => piece.Answers).Select(a => a.Outcome))
        {
            if (translated && outcome.Kind == OutcomeKind.Landed)
            {
                Assert.False(Translation.InterruptWindow.Contains(outcome.Physical));
                Assert.True(outcome.Physical <= Bits.Mask(play.State.Platform.PhysicalBits));
            }
        }
    }

    [SpecProperty]
    public void Some_answer_is_always_allowed_and_every_way_matches(AnyPlay play)
    {
        State state = play.State;
        foreach (Op op in play.Rest.Take(8))
        {
            Allowed allowed = Spec.Step(state, op);
            Way[] ways = [.. allowed.Ways()];
            Assert.NotEmpty(ways);
            Assert.NotEmpty(allowed.Describe());
            Assert.All(ways, way => Assert.NotNull(allowed.Match(way.Seen)));
            Assert.Null(allowed.Match(Observation.Crashed.Instance));
            Assert.Null(allowed.Match(Observation.Hung.Instance));
            state = ways[0].Next;
        }
    }

    private static Op EndIotlb => new Op.FlushIotlb(FlushGranularity.Global, 0, 0, 0, false);
}
