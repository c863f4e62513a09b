using IommuSpec;

namespace IommuHarness.Generate;

/// <summary>A word that the generator stored, and what it is.</summary>
internal struct RawWord
{
    internal ulong Value;

    /// <summary>The last value that was meant to be valid, for putting things right again.</summary>
    internal ulong Meant;
    internal WordKind Kind;

    /// <summary>Of an entry: its level, 1 for 4 KiB leaves.</summary>
    internal byte Level;
}

/// <summary>What the generator stored where, and the few frames that it builds tables in.</summary>
internal sealed class RawMemory(Draft draft)
{
    private const int Capacity = 256;
    private const int FrameCount = 20;

    private readonly ulong[] addresses = new ulong[Capacity];
    private readonly RawWord[] words = new RawWord[Capacity];
    private readonly ulong[] frames = new ulong[FrameCount];
    private int frameCount;

    /// <summary>How many words are known.</summary>
    internal int Count { get; private set; }

    internal ref RawWord this[int index] => ref words[index];

    internal ulong Address(int index) => addresses[index];

    /// <summary>Chooses the frames: most of them low, some just below the top of physical memory, some anywhere.</summary>
    internal void Begin()
    {
        Count = 0;
        frameCount = 0;
        ulong low = (ulong)draft.Choices.Between(1, 16) * Platform.Granule;
        ulong top = 1UL << draft.Places.PhysicalBits;
        for (int i = 0; i < FrameCount; i++)
        {
            frames[i] = draft.Choices.Below(8) switch
            {
                < 5 => low + (ulong)i * Platform.Granule,
                < 7 => top - (ulong)(i + 1) * Platform.Granule,
                _ => draft.Choices.Bits(draft.Places.PhysicalBits) & ~(Platform.Granule - 1),
            };
        }
    }

    /// <summary>A frame that nothing has used; one in use where there is none left.</summary>
    internal ulong NextFrame() => frameCount < FrameCount ? frames[frameCount++] : AnyFrame();

    /// <summary>A frame of the pool, in use or not.</summary>
    internal ulong AnyFrame() => frames[draft.Choices.Below(FrameCount)];

    internal ulong Read(ulong address)
    {
        int at = Find(address);
        return at < 0 ? 0 : words[at].Value;
    }

    internal int Find(ulong address) => addresses.AsSpan(0, Count).IndexOf(address);

    /// <summary>Stores a word that is meant to be valid.</summary>
    internal void Plant(ulong address, ulong value, WordKind kind, int level)
    {
        int at = Know(address, kind, level);
        if (at < 0)
            return;
        words[at].Meant = value;
        (words[at].Kind, words[at].Level) = (kind, (byte)level);
        if (words[at].Value != value || draft.Choices.OneIn(32))
            Store(at, value);
    }

    /// <summary>The index of a word, which counts as 0 if it is new; negative where there is no room for more.</summary>
    internal int Know(ulong address, WordKind kind, int level)
    {
        int at = Find(address);
        if (at >= 0 || Count == Capacity)
            return at;
        addresses[Count] = address;
        words[Count] = new() { Kind = kind, Level = (byte)level };
        return Count++;
    }

    /// <summary>Stores any value in a known word; everything is flushed before the bound on stores would be passed.</summary>
    internal void Store(int index, ulong value)
    {
        if (!draft.Budget.Allows(addresses[index]))
            FlushEverything();
        draft.Add(new Op.Poke(addresses[index], value));
        ref RawWord word = ref words[index];
        bool suppresses = word.Kind == WordKind.ContextLow && ((word.Value | value) & RawEntries.ContextFaultDisable) != 0;
        if (word.Value != 0 && (suppresses || word.Kind == WordKind.RootLow))
            draft.RecordingIsUncertain();
        word.Value = value;
    }

    internal void FlushEverything()
    {
        if (draft.Platform.Contexts == ContextMode.VtdLegacy)
            draft.Add(Fixed.FlushAllContexts);
        draft.Add(Fixed.FlushWholeIotlb);
    }
}
