using IommuSpec;
using IommuSpec.Formats;
using IommuVerify.Tests.Properties.Support;
using Xunit;

namespace IommuVerify.Tests.Properties;

/// <summary>CTX: a device uses its own context and nobody else's.</summary>
public class DeviceContextProperties
{
    [SpecProperty(MaxTest = 1000)]
    public void The_implementation_conforms_on_raw_contexts(Seed seed) => Conformance.Holds("contexts", seed.Value);

    [SpecProperty(MaxTest = 1000)]
    public void The_implementation_conforms_in_mixed_cases_with_raw_tables(Seed seed) =>
        Conformance.Holds("mixed", seed.Value, platform => platform.Contexts != ContextMode.Software);

    [SpecProperty]
    public void Rows_of_the_entries_tables_are_disjoint_and_cover_all_64_bits(Platform platform)
    {
        TableWalkProperties.AssertCovers(VtdContext.RootLow(platform));
        TableWalkProperties.AssertCovers(VtdContext.RootHigh);
        TableWalkProperties.AssertCovers(VtdContext.ContextLow(platform));
        TableWalkProperties.AssertCovers(VtdContext.ContextHigh);
    }

    // VT-d 9.1 and 9.3, written a second time.
    [SpecProperty]
    public void Reserved_bits_are_the_fact_sheets(Platform platform)
    {
        ulong beyond = ~Bits.Mask(platform.PhysicalBits);
        Assert.Equal(beyond | 0xffe, BitField.ReservedMask(VtdContext.RootLow(platform)));
        Assert.Equal(ulong.MaxValue, BitField.ReservedMask(VtdContext.RootHigh));
        Assert.Equal(beyond | 0xff0, BitField.ReservedMask(VtdContext.ContextLow(platform)));
        Assert.Equal(0xffff_ffff_ff00_0080, BitField.ReservedMask(VtdContext.ContextHigh));
    }

    [SpecProperty]
    public void Two_requesters_never_share_both_entries(ushort one, ushort other)
    {
        if (one == other)
            return;
        Assert.NotEqual(
            (VtdContext.RootEntryAddress(0, one), VtdContext.ContextEntryAddress(0, one)),
            (VtdContext.RootEntryAddress(0, other), VtdContext.ContextEntryAddress(0, other)));
    }

    [SpecProperty]
    public void Fields_of_a_context_entry_are_where_the_fact_sheet_has_them(ulong low, ulong high)
    {
        ContextWords entry = new(low, high);
        Assert.Equal((low & 1) == 1, VtdContext.IsPresent(entry));
        Assert.Equal((low >> 1 & 1) == 1, VtdContext.SuppressesFaults(entry));
        Assert.Equal((int)(low >> 2 & 3), (int)VtdContext.Type(entry));
        Assert.Equal((ushort)(high >> 8), VtdContext.DomainId(entry));
        Assert.Equal((int)(high & 7), VtdContext.AddressWidth(entry));
        Assert.Equal(low & 0x3fff_ffff_f000, new VtdContext(new Platform()).Pointer(entry));
    }

    [SpecProperty]
    public void Moving_a_device_changes_no_other_devices_answers(SoftwarePlay play)
    {
        foreach (Op op in play.Scenario.Ops.Where(op => op is Op.Attach or Op.AttachIdentity or Op.Detach))
        {
            State after = Play.After(play.State, op);
            int moved = op is Op.Attach attach ? attach.Device : op is Op.AttachIdentity identity ? identity.Device : ((Op.Detach)op).Device;
            foreach (Op.Access probe in play.Probes().Where(probe => probe.Device != moved))
                Assert.True(Play.AllowsNoMore(after, play.State, probe) && Play.AllowsNoMore(play.State, after, probe));
        }
    }

    [SpecProperty]
    public void Devices_of_one_domain_have_the_same_answers(SoftwarePlay play)
    {
        const int Domain = 0;
        State both = Play.After(Play.After(play.State, new Op.Attach(1, Domain)), new Op.Attach(2, Domain));
        foreach (Op.Access probe in play.Probes())
        {
            Assert.Equal(
                Play.Answers(both, probe with { Device = 1 }).SelectMany(piece => piece.Answers).Select(answer => answer.Outcome),
                Play.Answers(both, probe with { Device = 2 }).SelectMany(piece => piece.Answers).Select(answer => answer.Outcome));
        }
    }
}
