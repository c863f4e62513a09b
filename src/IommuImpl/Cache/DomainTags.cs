namespace IommuImpl;

/// <summary>
/// Cache tags: multiples of 4, never given twice, so that what was cached under an ended tag can never be found again.
/// At the hardware level a domain id has a tag until an invalidation of the domain, or of all, gives it another.
/// </summary>
internal sealed class DomainTags
{
    private readonly ulong[]?[] _tags = new ulong[256][];
    private ulong _last;
    private ulong _floor;

    /// <summary>A tag that nothing has had before.</summary>
    public ulong New() => _last += 4;

    /// <summary>The tag of a hardware domain id.</summary>
    public ulong Of(ushort domainId)
    {
        var page = _tags[domainId >> 8] ??= new ulong[256];
        ref var tag = ref page[domainId & 0xFF];
        if (tag <= _floor)
            tag = New();
        return tag;
    }

    /// <summary>Ends what was cached under a hardware domain id.</summary>
    public ulong Renew(ushort domainId)
    {
        var page = _tags[domainId >> 8] ??= new ulong[256];
        return page[domainId & 0xFF] = New();
    }

    /// <summary>Ends what was cached under every hardware domain id: tags up to here are void.</summary>
    public void RenewAll() => _floor = _last;
}
