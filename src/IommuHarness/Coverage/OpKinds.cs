using System.Collections.Immutable;
using IommuSpec;

namespace IommuHarness.Coverage;

/// <summary>The kinds of operation that a report counts, named by the words of the text form.</summary>
public static class OpKinds
{
    public static readonly ImmutableArray<string> Names =
    [
        "attach", "attach identity", "detach", "map", "unmap", "unmap all", "lookup", "invalidate", "invalidate domain",
        "invalidate all", "free", "read", "write", "poke", "peek", "program", "unprogram", "root-table", "translation",
        "flush-contexts", "flush-iotlb", "drain-faults", "fail-next", "audit",
    ];

    /// <summary>The index in <see cref="Names"/>.</summary>
    public static int Index(Op op) => op switch
    {
        Op.Access access => access.Kind == AccessKind.Read ? 11 : 12,
        Op.Poke => 13,
        Op.Map => 3,
        Op.Unmap => 4,
        Op.Invalidate => 7,
        Op.FlushIotlb => 20,
        Op.Attach => 0,
        Op.AttachIdentity => 1,
        Op.Detach => 2,
        Op.UnmapAll => 5,
        Op.Lookup => 6,
        Op.InvalidateDomain => 8,
        Op.InvalidateAll => 9,
        Op.FreeDomain => 10,
        Op.Peek => 14,
        Op.Program => 15,
        Op.Unprogram => 16,
        Op.SetRootTable => 17,
        Op.SetTranslation => 18,
        Op.FlushContexts => 19,
        Op.DrainFaults => 21,
        Op.FailNext => 22,
        Op.Audit => 23,
        _ => throw new InvalidOperationException($"an operation without a name: {op}"),
    };
}
