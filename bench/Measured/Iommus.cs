using IommuImpl;

namespace IommuVerify.Bench;

/// <summary>IOMMUs ready to be measured.</summary>
public static class Iommus
{
    private const ulong RootTable = 0x1000, ContextTable = 0x2000, Tables = 0x10_0000;

    /// <summary>Device 0 in domain 0 with single-granule leaves from <see cref="Places.First"/> up, read and written.</summary>
    public static Iommu Mapped(int pageCount, IommuOptions options)
    {
        var iommu = new Iommu(options with { Pages2M = false, Pages1G = false });
        Require(iommu.Attach(0, 0));
        if (pageCount != 0)
            Require(iommu.Map(0, Places.First, (ulong)pageCount << 12, Places.FirstFrame, Rights.Read | Rights.Write));
        return iommu;
    }

    /// <summary>The same with VT-d root and context entries in memory, for up to 512 pages and both devices of <see cref="Colliding"/>.</summary>
    public static Iommu Legacy(int pageCount)
    {
        var iommu = new Iommu(new IommuOptions { Contexts = ContextMode.VtdLegacy });
        var memory = iommu.Memory;
        memory.WriteWord(RootTable, ContextTable | 1);
        for (var i = 0; i < 2; i++)
        {
            // Translation type 0, 4 levels, domain id 1 (VT-d 9.3).
            memory.WriteWord(ContextTable + Colliding(i) * 16UL, Tables | 1);
            memory.WriteWord(ContextTable + Colliding(i) * 16UL + 8, 1 << 8 | 2);
        }

        var table = Tables;
        for (var shift = 39; shift > 12; shift -= 9, table += 0x1000)
            memory.WriteWord(table + (Places.First >> shift & 511) * 8, table + 0x1000 | 3);
        for (var page = 0; page < pageCount; page++)
            memory.WriteWord(table + (ulong)page * 8, Places.Frame(page) | 3);
        Require(iommu.SetRootTable(RootTable));
        Require(iommu.SetTranslation(true));
        return iommu;
    }

    /// <summary>Two devices, in turn, of which the context cache never holds both.</summary>
    public static ushort Colliding(int i) => (ushort)((i & 1) == 0 ? 1 : 64);

    /// <summary>Nothing is measured that does not do what it should.</summary>
    public static void Require(Status status) => Require(status == Status.Done);

    /// <inheritdoc cref="Require(Status)"/>
    public static void Require(bool holds)
    {
        if (!holds)
            throw new InvalidOperationException("A benchmark's contestants do not do the same.");
    }
}
