namespace IommuImpl;

public sealed partial class Iommu
{
    /// <summary>Translates one byte's access at each address, as as many calls of <see cref="Translate"/> in order would.</summary>
    /// <param name="requester">The device.</param>
    /// <param name="iovas">The addresses.</param>
    /// <param name="kind">Read or write, for all.</param>
    /// <param name="results">One answer an address; ArgumentException when shorter than <paramref name="iovas"/>.</param>
    public void TranslateBatch(ushort requester, ReadOnlySpan<ulong> iovas, AccessKind kind, Span<TranslateResult> results)
    {
        if (results.Length < iovas.Length)
            throw new ArgumentException("Shorter than the addresses.", nameof(results));
        for (var i = 0; i < iovas.Length; i++)
            results[i] = Translate(requester, iovas[i], kind);
    }
}
