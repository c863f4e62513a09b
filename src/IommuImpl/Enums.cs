namespace IommuImpl;

/// <summary>The layout of paging entries.</summary>
public enum TableFormat : byte
{
    /// <summary>VT-d second stage: R and W in bits 0 and 1, no present bit, 3 to 5 levels.</summary>
    VtdSecondStage,

    /// <summary>VT-d first stage, the x86-64 layout: P, R/W, U/S, A, D; 4 or 5 levels, canonical input.</summary>
    X86FirstStage,
}

/// <summary>Who says which tables a device uses.</summary>
public enum ContextMode : byte
{
    /// <summary><see cref="Iommu.Attach"/> and <see cref="Iommu.Detach"/>; the library owns the tables.</summary>
    Software,

    /// <summary><see cref="Iommu.ProgramDevice"/> names a root table in <see cref="Iommu.Memory"/>.</summary>
    Direct,

    /// <summary>VT-d legacy root and context entries in <see cref="Iommu.Memory"/>.</summary>
    VtdLegacy,
}

/// <summary>Whose order of checks map and unmap follow.</summary>
public enum Contract : byte
{
    /// <summary>The kernel's generic page-table library.</summary>
    Kernel,

    /// <summary>VFIO type1 v2.</summary>
    Vfio,

    /// <summary>iommufd, fixed addresses.</summary>
    Iommufd,
}

/// <summary>What an unmap does at a leaf or a mapping that its range covers in part.</summary>
public enum UnmapPolicy : byte
{
    /// <summary>Whole leaves upward from the start, until the first hole; the last leaf goes whole.</summary>
    Leaf,

    /// <summary>Exactly the bytes of the range; leaves are split, holes are skipped.</summary>
    Split,

    /// <summary>The range must not cut the mapping at either end; otherwise nothing is removed.</summary>
    WholeMapping,

    /// <summary>Mapping by mapping upward; stops at the first one that the range cuts.</summary>
    Area,
}

/// <summary>What a mapping permits, and hints. Only Read, Write and NoExec reach a paging entry.</summary>
[Flags]
public enum Rights : byte
{
    None = 0,
    Read = 1,
    Write = 2,
    Cache = 4,
    NoExec = 8,
    Mmio = 16,
    Priv = 32,
}

/// <summary>What a device asks of memory.</summary>
public enum AccessKind : byte
{
    Read,
    Write,
}

/// <summary>Answer to a request: done, or why it was refused without effect.</summary>
public enum Status : byte
{
    Done,

    /// <summary>The length is zero.</summary>
    Empty,

    /// <summary>The last byte lies beyond 2^64-1.</summary>
    Wraps,

    /// <summary>An address or length is not a multiple of what it must be.</summary>
    Misaligned,

    /// <summary>Neither read nor write was asked for.</summary>
    NoRights,

    /// <summary>A physical address lies beyond the host address width.</summary>
    TooWide,

    /// <summary>An input address, an id or an encoding lies outside what exists.</summary>
    OutOfRange,

    /// <summary>The range touches the interrupt window.</summary>
    Reserved,

    /// <summary>Something is already mapped in the range.</summary>
    Occupied,

    /// <summary>Nothing is mapped there.</summary>
    NotMapped,

    /// <summary>The range cuts a mapping.</summary>
    Partial,

    /// <summary>No page for a table.</summary>
    NoMemory,

    /// <summary>A device still uses it.</summary>
    Busy,

    /// <summary>The operation does not exist in this context mode.</summary>
    NotHere,

    /// <summary>The access is longer than 64 KiB.</summary>
    TooLong,
}
