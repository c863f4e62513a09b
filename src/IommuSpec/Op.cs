namespace IommuSpec;

/// <summary>
/// Everything that can be asked. An operation is plain data and is legal in every state: nonsense is answered by
/// <see cref="Observation.Refused"/>. Devices and domains are slot numbers chosen by the scenario, 0 to 255.
/// </summary>
public abstract record Op
{
    private Op() { }

    // ---- software level: what a kernel or a virtual machine monitor asks

    /// <summary>Gives a device a domain to translate through; a device that has one already moves.</summary>
    public sealed record Attach(int Device, int Domain) : Op;

    /// <summary>Lets a device pass untranslated: physical address = IOVA.</summary>
    public sealed record AttachIdentity(int Device) : Op;

    /// <summary>Takes the device's domain away: every access faults.</summary>
    public sealed record Detach(int Device) : Op;

    /// <summary>Maps <paramref name="Length"/> bytes from <paramref name="Iova"/> to physical memory from <paramref name="Physical"/>.</summary>
    public sealed record Map(int Domain, ulong Iova, ulong Length, ulong Physical, Rights Rights) : Op;

    public sealed record Unmap(int Domain, ulong Iova, ulong Length) : Op;

    /// <summary>Removes whatever the domain maps (VFIO flag ALL; iommufd iova 0, length 2^64-1).</summary>
    public sealed record UnmapAll(int Domain) : Op;

    /// <summary>Where the tables in memory, not the caches, send one byte.</summary>
    public sealed record Lookup(int Domain, ulong Iova) : Op;

    public sealed record Invalidate(int Domain, ulong Iova, ulong Length) : Op;

    public sealed record InvalidateDomain(int Domain) : Op;

    public sealed record InvalidateAll : Op;

    /// <summary>Ends a domain: everything unmapped and invalidated. Its slot is a new, empty domain afterwards.</summary>
    public sealed record FreeDomain(int Domain) : Op;

    // ---- devices

    /// <summary>A device's request. A write stores nothing: where it lands is what is observed.</summary>
    public sealed record Access(int Device, AccessKind Kind, ulong Iova, ulong Length) : Op;

    // ---- hardware level: what memory and registers say

    /// <summary>Software stores a 64-bit word of memory.</summary>
    public sealed record Poke(ulong Physical, ulong Value) : Op;

    /// <summary>Software loads a 64-bit word of memory.</summary>
    public sealed record Peek(ulong Physical) : Op;

    /// <summary>Says which root table and domain id a device uses, where no context tables in memory say so.</summary>
    public sealed record Program(int Device, ulong Root, ushort DomainId) : Op;

    /// <summary>Takes the device's root table away.</summary>
    public sealed record Unprogram(int Device) : Op;

    /// <summary>Sets and latches the root-table address register (VT-d RTADDR_REG, then GCMD.SRTP).</summary>
    public sealed record SetRootTable(ulong Physical) : Op;

    /// <summary>Turns translation on or off (VT-d GCMD.TE).</summary>
    public sealed record SetTranslation(bool On) : Op;

    /// <summary>Context-cache invalidation. Fields that the granularity does not use are 0.</summary>
    /// <param name="Granularity">How much it ends.</param>
    /// <param name="DomainId">Domain and device granularity: the domain id of the entries.</param>
    /// <param name="Device">Device granularity: whose requester id.</param>
    /// <param name="FunctionMask">Device granularity: 0 none, 1 ignores function bit 2, 2 bits 2:1, 3 bits 2:0.</param>
    public sealed record FlushContexts(FlushGranularity Granularity, ushort DomainId, int Device, int FunctionMask) : Op;

    /// <summary>IOTLB invalidation. Fields that the granularity does not use are 0.</summary>
    /// <param name="Granularity">How much it ends; <see cref="FlushGranularity.Selective"/> is by page.</param>
    /// <param name="DomainId">Domain and page granularity.</param>
    /// <param name="Address">Page granularity: any address in the first page; bits below the size are ignored.</param>
    /// <param name="SizeLg2Pages">Page granularity: 2^this pages (VT-d's AM).</param>
    /// <param name="LeafOnly">Page granularity: cached pointers to tables may stay (VT-d's IH).</param>
    public sealed record FlushIotlb(FlushGranularity Granularity, ushort DomainId, ulong Address, int SizeLg2Pages, bool LeafOnly) : Op;

    /// <summary>Software reads and clears every pending fault record, then clears the overflow flag.</summary>
    public sealed record DrainFaults : Op;

    // ---- environment

    /// <summary>The <paramref name="Index"/>-th allocation from now (1 is the next) fails once; 0 disarms.</summary>
    public sealed record FailNext(int Index) : Op;

    /// <summary>What is still held?</summary>
    public sealed record Audit : Op;
}

/// <summary>How much an invalidation command ends. Source: VT-d context-cache and IOTLB invalidate descriptors, field G.</summary>
public enum FlushGranularity : byte
{
    Global = 1,
    Domain = 2,

    /// <summary>One device (context cache) or a block of pages (IOTLB).</summary>
    Selective = 3,
}
