using System.Collections.Immutable;
using IommuSpec;
using IommuSpec.Rules;
using IommuVerify.Tests.Properties.Support;
using Xunit;

namespace IommuVerify.Tests.Properties;

/// <summary>MAP: the implementation keeps its promises, and the promises fit together.</summary>
public class MappingProperties
{
    [SpecProperty(MaxTest = 1000)]
    public void The_implementation_conforms_in_mixed_cases(Seed seed) => Conformance.Holds("mixed", seed.Value, IsSoftware);

    [SpecProperty(MaxTest = 1000)]
    public void The_implementation_conforms_with_superpages(Seed seed) => Conformance.Holds("superpages", seed.Value, IsSoftware);

    [SpecProperty]
    public void Map_then_unmap_then_invalidate_returns_to_the_start(SoftwarePlay play)
    {
        foreach (Op.Map map in play.Scenario.Ops.OfType<Op.Map>())
        {
            Way granted = Spec.Step(play.State, map).Ways().First();
            if (granted.Seen is not Observation.Done)
                continue;
            Way unmapped = Spec.Step(granted.Next, new Op.Unmap(map.Domain, map.Iova, map.Length)).Ways().First();
            Assert.Equal(new Observation.Unmapped(map.Length), unmapped.Seen);
            State end = Play.After(unmapped.Next, new Op.Invalidate(map.Domain, map.Iova, map.Length));
            Assert.Equal(play.State.Domain(map.Domain).Mapped.AsEnumerable(), end.Domain(map.Domain).Mapped.AsEnumerable());
            AddressRange range = AddressRange.Of(map.Iova, map.Length);
            Assert.Equal(Invalidation.End(play.State.Domain(map.Domain), range).Lingering.AsEnumerable(), end.Domain(map.Domain).Lingering.AsEnumerable());
        }
    }

    [SpecProperty]
    public void Neighbours_of_a_range_keep_their_mapping(SoftwarePlay play)
    {
        foreach (Op op in play.Scenario.Ops)
        {
            if (Touched(play.State, op) is not var (slot, range))
                continue;
            Domain before = play.State.Domain(slot);
            Domain after = Play.After(play.State, op).Domain(slot);
            foreach (ulong iova in before.Mapped.Concat(after.Mapped).SelectMany(m => new[] { m.Range.First, m.Range.Last, m.Range.First - 1, m.Range.Last + 1 }).Append(range.First - 1).Append(range.Last + 1))
            {
                if (!range.Contains(iova))
                    Assert.Equal(before.At(iova)?.At(iova), after.At(iova)?.At(iova));
            }
        }
    }

    [SpecProperty]
    public void A_refused_request_changes_nothing(SoftwarePlay play)
    {
        foreach (Way way in play.Scenario.Ops.SelectMany(op => Spec.Step(play.State, op).Ways()))
        {
            if (way.Seen is Observation.Refused { Why: not Refusal.NoMemory })
                Assert.Same(play.State, way.Next);
        }
    }

    [SpecProperty]
    public void Bytes_mapped_are_what_maps_add_and_unmaps_take(SoftwarePlay play)
    {
        ulong before = Bytes(play.State);
        foreach (Op op in play.Scenario.Ops)
        {
            Way way = Spec.Step(play.State, op).Ways().First();
            ulong expected = (op, way.Seen) switch
            {
                (Op.Map map, Observation.Done) => before + map.Length,
                (_, Observation.Unmapped unmapped) => before - unmapped.Length,
                (Op.FreeDomain free, Observation.Done) => before - play.State.Domain(free.Domain).MappedBytes(),
                _ => before,
            };
            Assert.Equal(expected, Bytes(way.Next));
        }
    }

    [SpecProperty]
    public void Mappings_are_ascending_disjoint_and_inside_physical_memory(SoftwarePlay play)
    {
        foreach ((_, Domain domain) in play.State.Domains.Entries)
        {
            ImmutableArray<Mapping> mapped = domain.Mapped;
            for (int i = 1; i < mapped.Length; i++)
                Assert.True(mapped[i - 1].Range.Last < mapped[i].Range.First);
            Assert.All(mapped, m => Assert.True(m.Range.First <= m.Range.Last && m.At(m.Range.Last) <= Bits.Mask(play.State.Platform.PhysicalBits)));
        }
    }

    [SpecProperty]
    public void A_lookup_is_where_a_device_lands_when_nothing_lingers(SoftwarePlay play)
    {
        State settled = Play.After(play.State, new Op.InvalidateAll());
        foreach (Op.Access probe in play.Probes().Where(probe => settled.Attachment(probe.Device).Kind == AttachmentKind.Domain))
        {
            int slot = settled.Attachment(probe.Device).Domain;
            foreach (PieceAnswers piece in Play.Answers(settled, probe))
            {
                if (piece.Answers[0].Outcome is { Kind: OutcomeKind.Landed, Physical: var physical })
                    Assert.Equal(new Observation.Found(physical), Spec.Step(settled, new Op.Lookup(slot, piece.Iova)).Ways().First().Seen);
            }
        }
    }

    private static bool IsSoftware(Platform platform) => platform.Contexts == ContextMode.Software;

    private static ulong Bytes(State state) => state.Domains.Entries.Aggregate(0ul, (sum, domain) => sum + domain.Value.MappedBytes());

    /// <summary>The range that an operation is about; an unmap by leaves may take the rest of the leaf that it ends in.</summary>
    private static (int Slot, AddressRange Range)? Touched(State state, Op op)
    {
        (int slot, ulong first, ulong length) = op switch
        {
            Op.Map map => (map.Domain, map.Iova, map.Length),
            Op.Unmap unmap => (unmap.Domain, unmap.Iova, unmap.Length),
            _ => (0, 0ul, 0ul),
        };
        if (length == 0 || AddressRange.Wraps(first, length))
            return null;
        AddressRange range = AddressRange.Of(first, length);
        bool wholeLeaf = op is Op.Unmap && state.Platform.Unmap == UnmapPolicy.Leaf && state.Domain(slot).At(range.Last) is not null;
        return (slot, wholeLeaf ? range with { Last = AddressRange.Block(range.Last, 30).Last } : range);
    }
}
