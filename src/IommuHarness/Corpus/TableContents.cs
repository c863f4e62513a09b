using System.Collections.Immutable;
using IommuSpec;
using IommuSpec.Formats;
using IommuSpec.Rules;

namespace IommuHarness.Corpus;

/// <summary>Everything that a set of page tables maps, as the specification reads it.</summary>
/// <param name="Leaves">Maximal runs of leaves of one size with consecutive addresses and equal rights, ascending by IOVA.</param>
/// <param name="Tables">Physical addresses of the tables, root included, ascending.</param>
public sealed record TableContents(ImmutableArray<CaptureMapping> Leaves, ImmutableArray<ulong> Tables)
{
    private const int EntryCount = 1 << PageTableFormat.IndexBits;

    /// <summary>Reads the tables under a root.</summary>
    /// <param name="platform">Format and widths.</param>
    /// <param name="levelCount">Levels of the tables.</param>
    /// <param name="root">Physical address of the root table.</param>
    /// <param name="readWord">Memory.</param>
    public static TableContents Read(Platform platform, int levelCount, ulong root, Func<ulong, ulong> readWord)
    {
        var reader = new Reader(PageTableFormat.Of(platform), levelCount, readWord);
        reader.Table(root, levelCount - 1, 0, Rights.Read | Rights.Write);
        return new TableContents(Merge(reader.Leaves, keepPageSize: true), [.. reader.Tables]);
    }

    /// <summary>Joins neighbours that continue each other; leaf sizes matter only where <paramref name="keepPageSize"/> says so.</summary>
    /// <param name="mappings">Ascending by IOVA and disjoint.</param>
    /// <param name="keepPageSize">Otherwise the result's page sizes are the granule.</param>
    public static ImmutableArray<CaptureMapping> Merge(IEnumerable<CaptureMapping> mappings, bool keepPageSize)
    {
        var runs = ImmutableArray.CreateBuilder<CaptureMapping>();
        foreach (CaptureMapping mapping in mappings)
        {
            CaptureMapping next = keepPageSize ? mapping : mapping with { PageSize = Platform.Granule };
            if (runs.Count > 0 && Continues(runs[^1], next))
                runs[^1] = runs[^1] with { Length = runs[^1].Length + next.Length };
            else
                runs.Add(next);
        }
        return runs.ToImmutable();
    }

    private static bool Continues(CaptureMapping run, CaptureMapping next) =>
        unchecked(run.Iova + run.Length) == next.Iova && unchecked(run.Physical + run.Length) == next.Physical
        && run.Rights == next.Rights && run.PageSize == next.PageSize;

    private sealed class Reader(PageTableFormat format, int levelCount, Func<ulong, ulong> readWord)
    {
        public List<CaptureMapping> Leaves { get; } = [];

        public SortedSet<ulong> Tables { get; } = [];

        public void Table(ulong table, int level, ulong iova, Rights above)
        {
            Tables.Add(table);
            for (int i = 0; i < EntryCount; i++)
            {
                ulong at = Canonical(iova | ((ulong)i << PageTableFormat.SpanLg2(level)));
                ulong entry = readWord(PageTableFormat.EntryAddress(table, level, at));
                if (entry != 0)
                    Entry(entry, level, at, above);
            }
        }

        private void Entry(ulong entry, int level, ulong iova, Rights above)
        {
            EntryMeaning read = TableWalk.Interpret(format, level, entry, AccessKind.Read);
            EntryMeaning write = TableWalk.Interpret(format, level, entry, AccessKind.Write);
            Rights rights = above
                & ((read.Kind == EntryKind.Fault ? Rights.None : Rights.Read) | (write.Kind == EntryKind.Fault ? Rights.None : Rights.Write));
            EntryMeaning use = read.Kind == EntryKind.Fault ? write : read;
            if (use.Kind == EntryKind.Table)
                Table(use.Address, level - 1, iova, rights);
            else if (use.Kind == EntryKind.Leaf && rights != Rights.None && format.InRange(levelCount, iova))
                Leaves.Add(new CaptureMapping(
                    iova, 1UL << PageTableFormat.SpanLg2(level), use.Address, rights, 1UL << PageTableFormat.SpanLg2(level)));
        }

        // The first stage's upper half: bits above the top index repeat its highest.
        private ulong Canonical(ulong iova) =>
            format.Platform.Format == TableFormat.X86FirstStage && (iova >> (PageTableFormat.SpanLg2(levelCount) - 1)) == 1
                ? iova | ~Bits.Mask(PageTableFormat.SpanLg2(levelCount))
                : iova;
    }
}
