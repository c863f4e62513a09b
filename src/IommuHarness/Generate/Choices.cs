namespace IommuHarness.Generate;

/// <summary>
/// The one source of random choices: a seed decides every one of them, on every machine (splitmix64: one addition, one
/// mixing, no warm-up, so that a new case costs nothing).
/// </summary>
public sealed class Choices(ulong seed)
{
    private const ulong Step = 0x9e3779b97f4a7c15;
    private ulong state = seed;

    /// <summary>The choices of one case of a run. Neighbouring seeds and indices have nothing in common.</summary>
    public static Choices OfCase(ulong seed, long index)
    {
        var choices = new Choices(0);
        choices.Restart(seed, index);
        return choices;
    }

    /// <summary>Becomes what <see cref="OfCase"/> returns, without a new object.</summary>
    public void Restart(ulong seed, long index) => state = Mix(seed + Step) ^ Mix(unchecked((ulong)index * 0xd1342543de82ef95));

    /// <summary>Any 64 bits.</summary>
    public ulong Next() => Mix(state = unchecked(state + Step));

    /// <summary>0 to one less than <paramref name="bound"/>, which is at least 1.</summary>
    public int Below(int bound) => (int)(((Next() >> 32) * (uint)bound) >> 32);

    /// <summary>From <paramref name="least"/> to <paramref name="most"/>, both included.</summary>
    public int Between(int least, int most) => least + Below(most - least + 1);

    /// <summary>True once in <paramref name="times"/>.</summary>
    public bool OneIn(int times) => Below(times) == 0;

    /// <summary>True in <paramref name="percent"/> of a hundred.</summary>
    public bool Percent(int percent) => Below(100) < percent;

    /// <summary>The lowest <paramref name="count"/> bits, 0 to 64, at random.</summary>
    public ulong Bits(int count) => count == 0 ? 0 : Next() >> (64 - count);

    public T Pick<T>(ReadOnlySpan<T> from) => from[Below(from.Length)];

    /// <summary>An index, as often as its weight says; the last one where all weights are 0.</summary>
    public int Weighted(ReadOnlySpan<int> weights)
    {
        int sum = 0;
        foreach (int weight in weights)
            sum += weight;
        int left = sum == 0 ? 0 : Below(sum);
        for (int i = 0; i < weights.Length; i++)
        {
            left -= weights[i];
            if (left < 0)
                return i;
        }

        return weights.Length - 1;
    }

    private static ulong Mix(ulong x)
    {
        unchecked
        {
            x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
            x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
            return x ^ (x >> 31);
        }
    }
}
