using IommuHarness.Generate;
using IommuImpl;
using Xunit;

namespace IommuVerify.Tests.Properties;

/// <summary>
/// Translations in batches, and those that ask no cache, against one call for each address: traces have no words for them, so
/// the judge never sees them. Caches are emptied after each change of the tables, so that there is one right answer.
/// </summary>
public class BatchProperties
{
    private const int CaseCount = 300, TableCount = 6, RoundCount = 4;

    [Theory]
    [InlineData(TableFormat.VtdSecondStage, 1)]
    [InlineData(TableFormat.VtdSecondStage, 1024)]
    [InlineData(TableFormat.X86FirstStage, 1)]
    [InlineData(TableFormat.X86FirstStage, 1024)]
    public void Over_tables_of_any_bits_a_batch_answers_records_and_stores_as_single_translations_do(TableFormat format, int cacheEntryCount)
    {
        var options = new IommuOptions { Format = format, Contexts = ContextMode.Direct, IotlbEntryCount = cacheEntryCount, WalkCacheEntryCount = cacheEntryCount };
        using var together = new Trio(options);
        for (var index = 0; index < CaseCount; index++)
        {
            var choices = Choices.OfCase(1, index);
            together.Reset();
            together.Each(iommu => iommu.ProgramDevice(1, 0x1000, 7));
            for (var round = 0; round < RoundCount; round++)
            {
                PokeTables(together, choices, format);
                together.Each(iommu => iommu.InvalidateIotlb(1, 0, 0, 0, false));
                for (var batch = 0; batch < 3; batch++)
                    together.Compare(choices, choices.OneIn(10) ? (ushort)2 : (ushort)1, () => RawAddress(choices));
            }
        }

        together.RequireLanded();
    }

    [Theory]
    [InlineData(TableFormat.VtdSecondStage)]
    [InlineData(TableFormat.X86FirstStage)]
    public void Over_mappings_a_batch_answers_and_records_as_single_translations_do(TableFormat format)
    {
        using var together = new Trio(new IommuOptions { Format = format });
        for (var index = 0; index < CaseCount; index++)
        {
            var choices = Choices.OfCase(2, index);
            together.Reset();
            together.Each(iommu => iommu.Attach(1, 0));
            for (var round = 0; round < RoundCount; round++)
            {
                var (first, length) = (Region(choices), (ulong)choices.Between(1, 1200) << 12);
                var rights = (Rights)choices.Between(1, 3);
                together.Each(iommu => iommu.Map(0, first, length, 0x4000_0000, rights));
                if (choices.OneIn(3))
                    together.Each(iommu => iommu.Unmap(0, first + 0x1000, length / 2 & ~0xFFFUL, out _));
                together.Each(iommu => iommu.InvalidateDomain(0));
                for (var batch = 0; batch < 3; batch++)
                    together.Compare(choices, choices.OneIn(20) ? (ushort)2 : (ushort)1, () => Region(choices) + choices.Bits(choices.Between(12, 23)));
            }
        }

        together.RequireLanded();
    }

    private static ulong Region(Choices choices) => choices.Pick<ulong>([0x8000_0000, 0x8020_0000, 0xFED0_0000, 0x40_0000_0000, 0x7000]);

    // Two indices a level and a few tables, so that tables are shared, met at several levels and sometimes the window or nothing.
    private static ulong RawAddress(Choices choices)
    {
        var iova = choices.Bits(12);
        for (var shift = 12; shift <= 39; shift += 9)
            iova |= choices.Bits(1) << shift;
        return choices.OneIn(20) ? 0xFEE0_0000 | iova & 0xFFFF : choices.OneIn(20) ? iova | 1UL << 60 : iova;
    }

    private static void PokeTables(Trio together, Choices choices, TableFormat format)
    {
        for (var table = 1UL; table <= TableCount; table++)
        {
            for (var slot = 0UL; slot < 2; slot++)
            {
                var target = choices.OneIn(20) ? 0xFEE0_0000 : (ulong)choices.Between(1, TableCount) << 12;
                var flags = format == TableFormat.VtdSecondStage ? 3UL : 0x67;
                if (choices.OneIn(6))
                    flags ^= 1UL << choices.Below(8);
                if (choices.OneIn(30))
                    flags ^= 1UL << choices.Below(64);
                together.Each(iommu => iommu.Memory.WriteWord(table << 12 | slot << 3, target | flags));
            }
        }
    }

    /// <summary>Three equal IOMMUs: one is asked in batches, one address by address, one without its IOTLB and walk cache.</summary>
    private sealed class Trio(IommuOptions options) : IDisposable
    {
        private readonly Iommu _batches = new(options), _single = new(options), _uncached = new(options);
        private int _landed;

        public void Reset() => Each(iommu => iommu.Reset(options));

        public void Each(Action<Iommu> act)
        {
            act(_batches);
            act(_single);
            act(_uncached);
        }

        public void Compare(Choices choices, ushort requester, Func<ulong> address)
        {
            var iovas = new ulong[choices.Between(0, 70)];
            foreach (ref var iova in iovas.AsSpan())
                iova = address();
            var kind = choices.OneIn(2) ? AccessKind.Read : AccessKind.Write;
            var results = new TranslateResult[iovas.Length];
            _batches.TranslateBatch(requester, iovas, kind, results);
            for (var i = 0; i < iovas.Length; i++)
            {
                var expected = _single.Translate(requester, iovas[i], kind);
                Assert.Equal(Text(expected), Text(results[i]));
                Assert.Equal(Text(expected), Text(_uncached.TranslateUncached(requester, iovas[i], kind)));
                _landed += expected.IsFault ? 0 : 1;
            }

            var faults = Faults(_single);
            Assert.Equal(faults, Faults(_batches));
            Assert.Equal(faults, Faults(_uncached));
            for (var word = 0UL; word < TableCount * 2 && options.Contexts == ContextMode.Direct; word++)
            {
                var physical = (word / 2 + 1) << 12 | (word & 1) << 3;
                Assert.Equal(_single.Memory.ReadWord(physical), _batches.Memory.ReadWord(physical));
                Assert.Equal(_single.Memory.ReadWord(physical), _uncached.Memory.ReadWord(physical));
            }
        }

        /// <summary>A comparison of nothing but faults would say little.</summary>
        public void RequireLanded() => Assert.True(_landed > 1000, $"{_landed}");

        public void Dispose() => Each(iommu => iommu.Dispose());

        private static string Text(TranslateResult result) => $"{result.Physical:x} {result.Reason:x} {result.IsInterrupt}";

        private static string Faults(Iommu iommu)
        {
            var records = new FaultRecord[8];
            var count = iommu.DrainFaults(records, out var overflow);
            return $"{overflow} {string.Join(' ', records.Take(count).Select(r => $"{r.High:x}:{r.Low:x}"))}";
        }
    }
}
