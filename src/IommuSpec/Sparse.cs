using System.Collections.Immutable;

namespace IommuSpec;

/// <summary>
/// Values by number, immutable, in ascending order of the numbers. Made for few numbers, however far apart: setting one copies all.
/// </summary>
public readonly struct Sparse<T>
{
    private readonly ImmutableArray<(ulong Number, T Value)> entries;

    internal Sparse(ImmutableArray<(ulong Number, T Value)> entries) => this.entries = entries;

    /// <summary>What was set, ascending.</summary>
    public ImmutableArray<(ulong Number, T Value)> Entries => entries.IsDefault ? [] : entries;

    /// <summary>The value of a number; <paramref name="otherwise"/> where none was set.</summary>
    public T Get(ulong number, T otherwise)
    {
        ReadOnlySpan<(ulong Number, T Value)> all = entries.AsSpan();
        int index = FirstAtOrAbove(all, number);
        return index < all.Length && all[index].Number == number ? all[index].Value : otherwise;
    }

    public Sparse<T> With(ulong number, T value)
    {
        ImmutableArray<(ulong Number, T Value)> all = Entries;
        int index = FirstAtOrAbove(all.AsSpan(), number);
        return new(index < all.Length && all[index].Number == number ? all.SetItem(index, (number, value)) : all.Insert(index, (number, value)));
    }

    public Sparse<T> Without(ulong number)
    {
        ImmutableArray<(ulong Number, T Value)> all = Entries;
        int index = FirstAtOrAbove(all.AsSpan(), number);
        return index < all.Length && all[index].Number == number ? new(all.RemoveAt(index)) : this;
    }

    private static int FirstAtOrAbove(ReadOnlySpan<(ulong Number, T Value)> all, ulong number)
    {
        int low = 0, high = all.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (all[middle].Number < number)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }
}

/// <summary>Makes <see cref="Sparse{T}"/>.</summary>
public static class Sparse
{
    /// <summary>All values at once; each number comes once.</summary>
    public static Sparse<T> Of<T>(IEnumerable<(ulong Number, T Value)> entries) => new([.. entries.OrderBy(entry => entry.Number)]);
}

/// <summary>Words of memory by physical address. Those that were never stored hold 0.</summary>
public readonly struct Memory
{
    // By frame, so that a store copies the words of one frame only.
    private readonly Sparse<Sparse<Word>> frames;

    private Memory(Sparse<Sparse<Word>> frames) => this.frames = frames;

    /// <summary>All at once; each address comes once.</summary>
    public static Memory Of(IEnumerable<(ulong Physical, Word Word)> words) =>
        new(Sparse.Of(words.GroupBy(word => word.Physical >> Platform.GranuleLg2, (frame, inside) => (frame, Sparse.Of(inside)))));

    public Word this[ulong physical] => Frame(physical).Get(physical, Word.Zero);

    public Memory With(ulong physical, Word word) => new(frames.With(physical >> Platform.GranuleLg2, Frame(physical).With(physical, word)));

    /// <summary>Every word that was ever stored, ascending.</summary>
    public IEnumerable<(ulong Physical, Word Word)> Words() => frames.Entries.SelectMany(frame => frame.Value.Entries);

    private Sparse<Word> Frame(ulong physical) => frames.Get(physical >> Platform.GranuleLg2, default);
}
