using IommuSpec;

namespace IommuHarness.Generate;

/// <summary>
/// Bounds how many values a word of memory takes between commands that end all caching. A walk may mix every value that every
/// entry on its way held since then, so without a bound a handful of words has thousands of right answers.
/// </summary>
internal sealed class PokeBudget
{
    /// <summary>Stores to one word between two commands that end everything.</summary>
    internal const int MostPokes = 4;

    private const int Capacity = 256;

    private readonly ulong[] words = new ulong[Capacity];
    private readonly byte[] pokes = new byte[Capacity];
    private int count;
    private bool contextsEnded;
    private bool hasContexts;

    internal void Begin(Platform platform)
    {
        count = 0;
        contextsEnded = false;
        hasContexts = platform.Contexts == ContextMode.VtdLegacy;
    }

    /// <summary>Whether the word may be stored to once more.</summary>
    internal bool Allows(ulong word)
    {
        int at = words.AsSpan(0, count).IndexOf(word);
        return at < 0 ? count < Capacity : pokes[at] < MostPokes;
    }

    /// <summary>Takes note of an operation; false where it would go beyond the bound.</summary>
    internal bool Admit(Op op)
    {
        switch (op)
        {
            case Op.Poke poke:
                return Spend(poke.Physical & ~7UL);
            // registers and the program operation hold values too: they count as words at addresses that no word has
            case Op.SetRootTable:
                return Spend(1);
            case Op.Program program:
                return Spend(((ulong)program.Device << 3) + 2);
            case Op.FlushContexts { Granularity: FlushGranularity.Global }:
                contextsEnded = true;
                return true;
            case Op.FlushIotlb { Granularity: FlushGranularity.Global }:
                if (contextsEnded || !hasContexts)
                    count = 0;
                return true;
            default:
                return true;
        }
    }

    private bool Spend(ulong word)
    {
        contextsEnded = false;
        int at = words.AsSpan(0, count).IndexOf(word);
        if (at < 0)
        {
            if (count == Capacity)
                return false;
            at = count++;
            words[at] = word;
            pokes[at] = 0;
        }

        if (pokes[at] == MostPokes)
            return false;
        pokes[at]++;
        return true;
    }
}
