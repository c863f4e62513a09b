using Impl = IommuImpl;

namespace IommuVerify.Tests.Properties.Support;

/// <summary>A leaf that the implementation has in memory.</summary>
/// <param name="Iova">Its first address.</param>
/// <param name="SizeLg2">Its bytes, as a power of two.</param>
/// <param name="Physical">Where it goes.</param>
internal readonly record struct FoundLeaf(ulong Iova, int SizeLg2, ulong Physical);

/// <summary>A page table that the implementation has in memory.</summary>
/// <param name="Address">Where it is.</param>
/// <param name="Level">1 for 4 KiB leaves.</param>
/// <param name="Iova">The first address that it covers.</param>
internal readonly record struct FoundTable(ulong Address, int Level, ulong Iova);

/// <summary>Reads the implementation's tables as hardware would: by the manual's bits, from its memory.</summary>
internal static class TableReader
{
    /// <summary>Leaves in ascending order of IOVA, with the upper half of the first stage after the lower one.</summary>
    public static List<FoundLeaf> Leaves(Impl.Iommu iommu, int domain)
    {
        List<FoundLeaf> leaves = [];
        Read(iommu, domain, leaves, []);
        return leaves;
    }

    /// <summary>Tables, each before those below it; the root is among them.</summary>
    public static List<FoundTable> Tables(Impl.Iommu iommu, int domain)
    {
        List<FoundTable> tables = [];
        Read(iommu, domain, [], tables);
        return tables;
    }

    private static void Read(Impl.Iommu iommu, int domain, List<FoundLeaf> leaves, List<FoundTable> tables)
    {
        if (iommu.TryGetRoot(domain, out ulong root))
            Read(iommu, new FoundTable(root, iommu.Options.Levels, 0), leaves, tables);
    }

    private static void Read(Impl.Iommu iommu, FoundTable table, List<FoundLeaf> leaves, List<FoundTable> tables)
    {
        tables.Add(table);
        int spanLg2 = 3 + 9 * table.Level;
        for (ulong index = 0; index < 512; index++)
        {
            ulong entry = iommu.Memory.ReadWord(table.Address + 8 * index);
            ulong iova = SignExtended(iommu, table.Iova | index << spanLg2);
            if ((entry & 3) == 0)
                continue;
            ulong address = entry & 0x000f_ffff_ffff_f000;
            if (table.Level == 1 || (entry & 0x80) != 0)
                leaves.Add(new(iova, spanLg2, address >> spanLg2 << spanLg2));
            else
                Read(iommu, new FoundTable(address, table.Level - 1, iova), leaves, tables);
        }
    }

    private static ulong SignExtended(Impl.Iommu iommu, ulong iova)
    {
        int unused = 64 - (12 + 9 * iommu.Options.Levels);
        return iommu.Options.Format == Impl.TableFormat.X86FirstStage ? (ulong)((long)(iova << unused) >> unused) : iova;
    }
}
