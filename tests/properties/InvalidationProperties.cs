using IommuSpec;
using IommuVerify.Tests.Properties.Support;
using Xunit;

namespace IommuVerify.Tests.Properties;

/// <summary>INV: invalidation takes freedom away, in its scope, and does nothing else.</summary>
public class InvalidationProperties
{
    [SpecProperty(MaxTest = 1000)]
    public void The_implementation_conforms_while_mappings_change(Seed seed) => Conformance.Holds("change", seed.Value);

    [SpecProperty]
    public void More_invalidation_never_allows_more(AnyPlay play)
    {
        foreach (Op command in Commands(play))
        {
            State after = Play.After(play.State, command);
            Assert.All(play.Probes().Take(Most), probe => Assert.True(Play.AllowsNoMore(after, play.State, probe)));
        }
    }

    [SpecProperty]
    public void Two_invalidations_commute(AnyPlay play)
    {
        Op[] commands = [.. Commands(play)];
        for (int i = 1; i < commands.Length; i++)
        {
            State there = Play.After(Play.After(play.State, commands[i - 1]), commands[i]);
            State back = Play.After(Play.After(play.State, commands[i]), commands[i - 1]);
            Assert.All(play.Probes().Take(Most), probe => Assert.True(Play.AllowsNoMore(there, back, probe) && Play.AllowsNoMore(back, there, probe)));
        }
    }

    [SpecProperty]
    public void A_covering_invalidation_leaves_one_answer_in_its_range_and_all_outside(SoftwarePlay play)
    {
        foreach (Op.Invalidate op in play.Scenario.Ops.OfType<Op.Invalidate>())
        {
            Way way = Spec.Step(play.State, op).Ways().First();
            if (way.Seen is not Observation.Done)
                continue;
            AddressRange range = AddressRange.Of(op.Iova, op.Length);
            foreach (Op.Access probe in play.Probes())
            {
                bool covered = range.Contains(probe.Iova) && play.State.Attachment(probe.Device) == Attachment.To(op.Domain);
                int count = Play.Answers(way.Next, probe)[0].Answers.Length;
                Assert.Equal(covered ? 1 : Play.Answers(play.State, probe)[0].Answers.Length, count);
            }
        }
    }

    [SpecProperty]
    public void What_is_mapped_is_allowed_before_and_after_any_invalidation(SoftwarePlay play)
    {
        foreach (Op command in Commands(play))
        {
            State after = Play.After(play.State, command);
            foreach (Op.Access probe in play.Probes().Take(Most))
                Assert.Equal(Play.Answers(play.State, probe).Select(piece => piece.Answers[0].Outcome), Play.Answers(after, probe).Select(piece => piece.Answers[0].Outcome));
        }
    }

    [SpecProperty]
    public void A_wider_command_ends_what_a_narrower_one_ends(RawPlay play)
    {
        foreach (Op.FlushIotlb page in play.Scenario.Ops.OfType<Op.FlushIotlb>().Where(f => f is { Granularity: FlushGranularity.Selective, SizeLg2Pages: < 18 }))
        {
            State[] byWidth =
            [
                Play.After(play.State, page with { LeafOnly = true }),
                Play.After(play.State, page with { LeafOnly = false }),
                Play.After(play.State, page with { LeafOnly = false, SizeLg2Pages = page.SizeLg2Pages + 1 }),
                Play.After(play.State, new Op.FlushIotlb(FlushGranularity.Domain, page.DomainId, 0, 0, false)),
                Play.After(play.State, new Op.FlushIotlb(FlushGranularity.Global, 0, 0, 0, false)),
            ];
            for (int i = 1; i < byWidth.Length; i++)
                Assert.All(play.Probes().Take(Most), probe => Assert.True(Play.AllowsNoMore(byWidth[i], byWidth[i - 1], probe)));
        }
    }

    private const int Most = 24;

    private static IEnumerable<Op> Commands(Play play) =>
        play.Scenario.Ops
            .Where(op => op is Op.Invalidate or Op.InvalidateDomain or Op.InvalidateAll or Op.FlushIotlb or Op.FlushContexts)
            .Distinct()
            .Take(5);
}
