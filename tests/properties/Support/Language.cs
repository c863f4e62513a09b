using System.Collections.Immutable;
using FsCheck;
using FsCheck.Fluent;
using IommuHarness.Trace;
using IommuSpec;
using Outcome = IommuSpec.Outcome;

namespace IommuVerify.Tests.Properties.Support;

/// <summary>
/// Generators of the language itself, built from its constructors and not from either form, so that a field that both the
/// writer and the reader forget does not go unseen. They know nothing of what makes sense.
/// </summary>
internal static class Language
{
    private const int AllRights = 0x3f;

    /// <summary>One generator a kind of operation.</summary>
    private static readonly Gen<Op>[] Kinds =
    [
        Make(Values.Slot, Values.Slot, (device, domain) => new Op.Attach(device, domain)),
        Values.Slot.Select(Op (device) => new Op.AttachIdentity(device)),
        Values.Slot.Select(Op (device) => new Op.Detach(device)),
        from range in Range
        from physical in Values.Word
        from rights in Gen.Choose(0, AllRights)
        select (Op)new Op.Map(range.Slot, range.First, range.Length, physical, (Rights)rights),
        Range.Select(Op (r) => new Op.Unmap(r.Slot, r.First, r.Length)),
        Values.Slot.Select(Op (domain) => new Op.UnmapAll(domain)),
        Make(Values.Slot, Values.Word, (domain, iova) => new Op.Lookup(domain, iova)),
        Range.Select(Op (r) => new Op.Invalidate(r.Slot, r.First, r.Length)),
        Values.Slot.Select(Op (domain) => new Op.InvalidateDomain(domain)),
        Gen.Constant<Op>(new Op.InvalidateAll()),
        Values.Slot.Select(Op (domain) => new Op.FreeDomain(domain)),
        Make(Range, Values.Member<AccessKind>(), (r, kind) => new Op.Access(r.Slot, kind, r.First, r.Length)),
        Make(Values.Word, Values.Word, (physical, value) => new Op.Poke(physical, value)),
        Values.Word.Select(Op (physical) => new Op.Peek(physical)),
        from device in Values.Slot
        from root in Values.Word
        from id in Values.DomainId
        select (Op)new Op.Program(device, root, id),
        Values.Slot.Select(Op (device) => new Op.Unprogram(device)),
        Values.Word.Select(Op (physical) => new Op.SetRootTable(physical)),
        Values.Bool.Select(Op (on) => new Op.SetTranslation(on)),
        Values.Member<FlushGranularity>().SelectMany(FlushContexts),
        Values.Member<FlushGranularity>().SelectMany(FlushIotlb),
        Gen.Constant<Op>(new Op.DrainFaults()),
        Values.Count.Select(Op (index) => new Op.FailNext(index)),
        Gen.Constant<Op>(new Op.Audit()),
    ];

    public static Gen<Op> Op => Gen.OneOf(Kinds);

    public static Gen<Platform> Platform => Gen.Frequency((1, Gen.Constant(new Platform())), (4, AnyPlatform));

    public static Gen<Scenario> Scenario =>
        from platform in Platform
        from ops in Gen.ArrayOf(Op)
        select new Scenario(platform, [.. ops]);

    public static Gen<Observation> Observation => Gen.OneOf(
        Gen.Elements<Observation>(
            IommuSpec.Observation.Done.Instance,
            IommuSpec.Observation.Crashed.Instance,
            IommuSpec.Observation.Hung.Instance,
            IommuSpec.Observation.Unsupported.Instance),
        Values.Member<Refusal>().Select(Observation (why) => new Observation.Refused(why)),
        Values.Word.Select(Observation (length) => new Observation.Unmapped(length)),
        from length in Values.Word
        from why in Values.Member<Refusal>()
        select (Observation)new Observation.Unmapped(length, why),
        Values.Word.Select(Observation (physical) => new Observation.Found(physical)),
        Values.Word.Select(Observation (value) => new Observation.Word(value)),
        Gen.ArrayOf(Piece).Select(Observation (pieces) => new Observation.Moved([.. pieces])),
        from records in Gen.ArrayOf(Record)
        from overflow in Values.Bool
        select (Observation)new Observation.Faults([.. records], overflow),
        from mapped in Values.Word
        from attached in Values.Count
        from tables in Values.Count
        select (Observation)new Observation.Holding(mapped, attached, tables));

    public static Gen<TraceFile> Trace =>
        from comments in Gen.ArrayOf(Gen.Elements("", "a story", "  indented", "# twice", "= done", "1 µs, λ, 漢", "tab\tinside"), 2)
        from scenario in Scenario
        from answerCount in Gen.Choose(0, scenario.Ops.Length)
        from answers in Gen.ArrayOf(Observation, answerCount)
        from allowed in Values.Bool
        from rule in Values.Member<RuleId>()
        from litmus in Values.Bool
        select new TraceFile(
            [.. comments],
            scenario,
            answerCount == 0 ? null : answers.ToImmutableArray(),
            litmus && answerCount > 0 ? new Expectation(allowed, rule) : null);

    private static Gen<(int Slot, ulong First, ulong Length)> Range =>
        from slot in Values.Slot
        from first in Values.Word
        from length in Values.Word
        select (slot, first, length);

    private static Gen<Piece> Piece =>
        from iova in Values.Word
        from length in Values.Count
        from outcome in Gen.OneOf(
            Values.Word.Select(Outcome.Landed),
            Values.Byte.Select(Outcome.Faulted),
            Gen.Constant(Outcome.Interrupt))
        select new Piece(iova, length, outcome);

    private static Gen<FaultRecord> Record => Values.Word.Zip(Values.Word, (low, high) => new FaultRecord(low, high));

    private static Gen<Platform> AnyPlatform =>
        from format in Values.Member<TableFormat>()
        let first = format == TableFormat.X86FirstStage
        from levels in Gen.Choose(first ? 4 : 3, 5)
        from contexts in Gen.Choose(0, first ? 1 : 2)
        from physicalBits in Gen.Choose(32, 52)
        from iovaBits in Gen.Choose(30, 64)
        from contract in Values.Member<Contract>()
        from unmap in Values.Member<UnmapPolicy>()
        from widths in Gen.Choose(0, 7)
        from records in Gen.Choose(1, 255)
        from yes in Gen.ArrayOf(Values.Bool, 12)
        select new Platform
        {
            Format = format,
            LevelCount = levels,
            Contexts = (ContextMode)contexts,
            Pages2M = yes[0],
            Pages1G = yes[1],
            PhysicalBits = physicalBits,
            IovaBits = iovaBits,
            Contract = contract,
            Unmap = unmap,
            CachingMode = yes[2],
            WidenWriteOnly = yes[3],
            PromoteSuperpages = yes[4],
            ReclaimTables = yes[5],
            SnoopControl = yes[6],
            DeviceTlb = yes[7],
            PassThrough = yes[8],
            SupportedWidths = widths << 1,
            FaultRecordCount = records,
            FaultCompression = yes[9],
            NoExecute = yes[10],
            InterruptWindowReserved = yes[11],
        };

    private static Gen<Op> FlushContexts(FlushGranularity granularity) => granularity switch
    {
        FlushGranularity.Global => Gen.Constant<Op>(new Op.FlushContexts(granularity, 0, 0, 0)),
        FlushGranularity.Domain => Values.DomainId.Select(Op (id) => new Op.FlushContexts(granularity, id, 0, 0)),
        _ => from id in Values.DomainId
             from device in Values.Slot
             from mask in Values.Small
             select (Op)new Op.FlushContexts(granularity, id, device, mask),
    };

    private static Gen<Op> FlushIotlb(FlushGranularity granularity) => granularity switch
    {
        FlushGranularity.Global => Gen.Constant<Op>(new Op.FlushIotlb(granularity, 0, 0, 0, false)),
        FlushGranularity.Domain => Values.DomainId.Select(Op (id) => new Op.FlushIotlb(granularity, id, 0, 0, false)),
        _ => from id in Values.DomainId
             from address in Values.Word
             from size in Values.Small
             from leafOnly in Values.Bool
             select (Op)new Op.FlushIotlb(granularity, id, address, size, leafOnly),
    };

    private static Gen<Op> Make<TA, TB>(Gen<TA> a, Gen<TB> b, Func<TA, TB, Op> make) => a.Zip(b, make);
}
