using IommuHarness.Generate;
using IommuSpec;
using Xunit;

namespace IommuVerify.Tests.Properties;

/// <summary>The specification's slots and memory against the class library's sorted dictionary.</summary>
public class SparseTests
{
    private const int Rounds = 200;
    private const int Steps = 60;

    [Fact]
    public void Sparse_values_are_a_sorted_dictionary()
    {
        for (int round = 0; round < Rounds; round++)
        {
            Choices choices = Choices.OfCase(1, round);
            Sparse<ulong> sparse = default;
            SortedDictionary<ulong, ulong> model = [];
            for (int step = 0; step < Steps; step++)
            {
                ulong number = choices.OneIn(8) ? ulong.MaxValue - choices.Bits(2) : choices.Bits(4);
                Sparse<ulong> before = sparse;
                ulong[] entries = [.. before.Entries.Select(entry => entry.Number)];
                if (choices.OneIn(3))
                {
                    sparse = sparse.Without(number);
                    model.Remove(number);
                }
                else
                {
                    sparse = sparse.With(number, (ulong)step);
                    model[number] = (ulong)step;
                }

                Assert.Equal(entries, before.Entries.Select(entry => entry.Number));
                Assert.Equal(model.Select(pair => (pair.Key, pair.Value)), sparse.Entries);
                ulong asked = choices.Bits(4);
                Assert.Equal(model.GetValueOrDefault(asked, 77UL), sparse.Get(asked, 77));
            }

            Assert.Equal(sparse.Entries, Sparse.Of(model.Reverse().Select(pair => (pair.Key, pair.Value))).Entries);
        }
    }

    [Fact]
    public void Memory_keeps_each_word_at_its_address()
    {
        for (int round = 0; round < Rounds; round++)
        {
            Choices choices = Choices.OfCase(2, round);
            Memory memory = default;
            SortedDictionary<ulong, Word> model = [];
            for (int step = 0; step < Steps; step++)
            {
                // a few words on both sides of the edges of a few frames, and the last word of all
                ulong physical = choices.OneIn(8) ? ulong.MaxValue - 7 : choices.Bits(2) * Platform.Granule + choices.Pick<ulong>([0, 8, 0xff0, 0xff8]);
                Word word = new((ulong)step, 0, []);
                memory = memory.With(physical, word);
                model[physical] = word;
                ulong asked = choices.Bits(3) << 11;
                Assert.Equal(model.GetValueOrDefault(asked, Word.Zero), memory[asked]);
            }

            Assert.Equal(model.Select(pair => (pair.Key, pair.Value)), memory.Words());
            Assert.Equal(memory.Words(), Memory.Of(memory.Words().Reverse()).Words());
        }
    }
}
