using System.Collections.Immutable;
using IommuSpec;

namespace IommuHarness.Generate;

/// <summary>
/// The tiny universe where tables, and on some platforms root and context entries, are words of memory. A root table leads down to a
/// table of two entries, and that to a leaf table; a second root that denies writing and a second leaf table stand ready.
/// </summary>
internal sealed class HardwareUniverse
{
    private const ushort Id = 1;
    private const ushort OtherId = 0x101;

    /// <summary>A second device, on the same bus: the two differ in the highest bit of the device number alone.</summary>
    private const int Other = 1;

    /// <summary>Function 1 of the first device, which is function 0.</summary>
    private const int Sibling = 3;

    private readonly Platform platform;
    private readonly bool hasContexts;
    private readonly int levelCount;

    // by level, 1 for the leaf table
    private readonly ulong[] tables;
    private readonly ulong otherRoot;
    private readonly ulong otherLeaves;
    private readonly ulong rootTable;
    private readonly ulong otherRootTable;
    private readonly ulong contexts;

    internal HardwareUniverse(Platform platform)
    {
        this.platform = platform;
        hasContexts = platform.Contexts == ContextMode.VtdLegacy;
        levelCount = hasContexts ? FewestLevels(platform.SupportedWidths) : platform.LevelCount;
        ulong frame = 0;
        tables = new ulong[levelCount + 1];
        for (int level = levelCount; level >= 1; level--)
            tables[level] = frame += Platform.Granule;
        otherRoot = frame += Platform.Granule;
        otherLeaves = frame += Platform.Granule;
        rootTable = frame += Platform.Granule;
        otherRootTable = frame += Platform.Granule;
        contexts = frame + Platform.Granule;
    }

    internal Universe Universe()
    {
        ImmutableArray<Op> built = [.. Tables(), .. hasContexts ? Contexts() : [new Op.Program(0, tables[levelCount], Id)]];
        return new(
            [new("tables in memory", built), new("tables in memory that a device has used", built.Add(Read(0)))],
            [.. hasContexts ? [.. ContextWords(), .. ContextCommands()] : Programs(), .. Entries(), .. Flushes(), .. Accesses()]);
    }

    // ---- the words

    /// <summary>The entry that both granules' leaf tables hang from; the lower one's is the first, the upper one's the second.</summary>
    private ulong PointerAt(ulong iova) => tables[2] + RawEntries.Offset(iova, 2);

    private ulong LeafAt => tables[1] + RawEntries.Offset(Generate.Universe.Lower, 1);

    private ulong Table(ulong table) => RawEntries.Table(platform, table);

    /// <summary>A pointer that takes the right to write from everything below: bit 1 in both formats.</summary>
    private ulong ReadOnlyTable(ulong table) => Table(table) & ~2UL;

    private ulong Leaf(ulong physical, bool write = true) => RawEntries.Leaf(platform, 1, physical, read: true, write);

    private IEnumerable<Op> Tables()
    {
        for (int level = levelCount; level > 1; level--)
            yield return new Op.Poke(tables[level] + RawEntries.Offset(Generate.Universe.Lower, level), Table(tables[level - 1]));
        yield return new Op.Poke(LeafAt, Leaf(Generate.Universe.Here));
        yield return new Op.Poke(tables[1] + RawEntries.Offset(Generate.Universe.Upper, 1), Leaf(Generate.Universe.Here + Platform.Granule));
        yield return new Op.Poke(otherLeaves + RawEntries.Offset(Generate.Universe.Lower, 1), Leaf(Generate.Universe.Elsewhere));
        yield return new Op.Poke(otherRoot, ReadOnlyTable(tables[levelCount - 1]));
    }

    private IEnumerable<Op> Entries()
    {
        ulong pointer = PointerAt(Generate.Universe.Lower);
        yield return new Op.Poke(LeafAt, 0);
        yield return new Op.Poke(LeafAt, Leaf(Generate.Universe.Elsewhere));
        yield return new Op.Poke(pointer, 0);
        yield return new Op.Poke(pointer, Table(otherLeaves));
        yield return new Op.Poke(LeafAt, Leaf(Generate.Universe.Here, write: false));
        ulong reserved = RawEntries.Reserved(platform, 1, leaf: true);
        if (reserved != 0)
            yield return new Op.Poke(LeafAt, Leaf(Generate.Universe.Elsewhere) | (reserved & (0 - reserved)));
        yield return new Op.Poke(pointer, Table(tables[1]));
        yield return new Op.Poke(pointer, ReadOnlyTable(tables[1]));
        yield return new Op.Poke(pointer, RawEntries.Leaf(platform, 2, Generate.Universe.Large, read: true, write: true));
        yield return new Op.Poke(PointerAt(Generate.Universe.Upper), Table(tables[1]));
        yield return new Op.Peek(LeafAt);
        yield return new Op.Peek(pointer);
    }

    private IEnumerable<Op> Contexts()
    {
        yield return new Op.Poke(rootTable, contexts | RawEntries.ContextPresent);
        yield return new Op.Poke(ContextAt(0) + 8, RawEntries.ContextHigh(levelCount, Id));
        yield return new Op.Poke(ContextAt(0), RawEntries.ContextLow(tables[levelCount], 0, faultDisable: false));
        yield return new Op.Poke(ContextAt(Other) + 8, RawEntries.ContextHigh(levelCount, Id));
        yield return new Op.SetRootTable(rootTable);
        yield return Fixed.TranslationOn;
    }

    private ulong ContextAt(int device) => contexts + 16UL * (byte)Platform.RequesterId(device);

    private IEnumerable<Op> ContextWords()
    {
        ulong usual = RawEntries.ContextLow(tables[levelCount], 0, faultDisable: false);
        yield return new Op.Poke(ContextAt(0), usual);
        yield return new Op.Poke(ContextAt(0), 0);
        yield return new Op.Poke(ContextAt(0), RawEntries.ContextLow(otherRoot, 0, faultDisable: true));
        yield return new Op.Poke(ContextAt(0), RawEntries.ContextLow(tables[levelCount], 2, faultDisable: false));
        yield return new Op.Poke(ContextAt(0), usual | 1UL << 4);
        yield return new Op.Poke(ContextAt(0) + 8, RawEntries.ContextHigh(levelCount, OtherId));
        yield return new Op.Poke(ContextAt(Other), usual);
        yield return new Op.Poke(rootTable, 0);
        yield return new Op.SetRootTable(otherRootTable);
        yield return new Op.SetRootTable(rootTable);
        yield return new Op.SetTranslation(false);
        yield return Fixed.TranslationOn;
    }

    // ---- commands

    private IEnumerable<Op> Programs()
    {
        yield return new Op.Program(0, tables[levelCount], Id);
        yield return new Op.Program(0, otherRoot, Id);
        yield return new Op.Program(0, tables[levelCount], OtherId);
        yield return new Op.Program(Other, tables[levelCount], Id);
        yield return new Op.Unprogram(0);
    }

    private static IEnumerable<Op> ContextCommands()
    {
        yield return Fixed.FlushAllContexts;
        yield return new Op.FlushContexts(FlushGranularity.Domain, Id, 0, 0);
        yield return new Op.FlushContexts(FlushGranularity.Domain, OtherId, 0, 0);
        yield return new Op.FlushContexts(FlushGranularity.Selective, Id, 0, 0);
        // by another function of the first device, all function bits ignored
        yield return new Op.FlushContexts(FlushGranularity.Selective, Id, Sibling, 3);
    }

    private static IEnumerable<Op> Flushes()
    {
        yield return Fixed.FlushWholeIotlb;
        yield return new Op.FlushIotlb(FlushGranularity.Domain, Id, 0, 0, false);
        yield return new Op.FlushIotlb(FlushGranularity.Selective, Id, Generate.Universe.Lower, 0, true);
        yield return new Op.FlushIotlb(FlushGranularity.Selective, Id, Generate.Universe.Lower, 0, false);
        yield return new Op.FlushIotlb(FlushGranularity.Domain, OtherId, 0, 0, false);
        yield return new Op.FlushIotlb(FlushGranularity.Selective, Id, Generate.Universe.Upper, 0, false);
        // both granules: a block of 1024 pages
        yield return new Op.FlushIotlb(FlushGranularity.Selective, Id, Generate.Universe.Upper, 10, true);
    }

    private static IEnumerable<Op> Accesses()
    {
        yield return Read(0);
        yield return Generate.Universe.Access(0, AccessKind.Write, Generate.Universe.Lower);
        yield return Read(Other);
        yield return Fixed.DrainFaults;
        yield return Generate.Universe.Access(0, AccessKind.Read, Generate.Universe.Upper);
    }

    private static Op.Access Read(int device) => Generate.Universe.Access(device, AccessKind.Read, Generate.Universe.Lower);

    private static int FewestLevels(int supportedWidths) => (supportedWidths & 2) != 0 ? 3 : (supportedWidths & 4) != 0 ? 4 : 5;
}
