using System.Collections.Immutable;
using IommuHarness.Targets;
using IommuSpec;
using Impl = IommuImpl;

namespace IommuVerify.Bench;

/// <summary>
/// The calls that operations are, made on the implementation with nothing kept of the answers: what is left is the implementation
/// itself, in time and in bytes.
/// </summary>
internal sealed class BareCalls(Platform platform) : IDisposable
{
    private readonly Impl.IommuOptions _options = ImplNames.Options(platform);
    private readonly Impl.Iommu _iommu = new(ImplNames.Options(platform));
    private readonly Impl.Piece[] _pieces = new Impl.Piece[(int)(Platform.LongestAccess / Platform.Granule) + 1];
    private readonly Impl.FaultRecord[] _faults = new Impl.FaultRecord[256];

    public void Run(ImmutableArray<Op> ops)
    {
        _iommu.Reset(_options);
        foreach (var op in ops)
        {
            if (platform.Contexts == ContextMode.Software)
                Software(op);
            else
                Hardware(op);
        }
    }

    public void Dispose() => _iommu.Dispose();

    private void Software(Op op)
    {
        switch (op)
        {
            case Op.Map o: _iommu.Map(o.Domain, o.Iova, o.Length, o.Physical, ImplNames.Rights(o.Rights)); break;
            case Op.Unmap o: _iommu.Unmap(o.Domain, o.Iova, o.Length, out _); break;
            case Op.Invalidate o: _iommu.Invalidate(o.Domain, o.Iova, o.Length); break;
            case Op.Lookup o: _iommu.Lookup(o.Domain, o.Iova, out _); break;
            case Op.Attach o: _iommu.Attach(Id(o.Device), o.Domain); break;
            case Op.AttachIdentity o: _iommu.AttachIdentity(Id(o.Device)); break;
            case Op.Detach o: _iommu.Detach(Id(o.Device)); break;
            case Op.UnmapAll o: _iommu.UnmapAll(o.Domain, out _); break;
            case Op.InvalidateDomain o: _iommu.InvalidateDomain(o.Domain); break;
            case Op.InvalidateAll: _iommu.InvalidateAll(); break;
            case Op.FreeDomain o: _iommu.FreeDomain(o.Domain); break;
            default: Either(op); break;
        }
    }

    private void Hardware(Op op)
    {
        switch (op)
        {
            case Op.Poke o when IsWord(o.Physical): _iommu.Memory.WriteWord(o.Physical, o.Value); break;
            case Op.Peek o when IsWord(o.Physical): _iommu.Memory.ReadWord(o.Physical); break;
            case Op.Program o: _iommu.ProgramDevice(Id(o.Device), o.Root, o.DomainId); break;
            case Op.Unprogram o: _iommu.UnprogramDevice(Id(o.Device)); break;
            case Op.SetRootTable o: _iommu.SetRootTable(o.Physical); break;
            case Op.SetTranslation o: _iommu.SetTranslation(o.On); break;
            case Op.FlushContexts o: _iommu.InvalidateContexts((byte)o.Granularity, o.DomainId, Id(o.Device), ImplNames.Operand(o.FunctionMask)); break;
            case Op.FlushIotlb o: _iommu.InvalidateIotlb((byte)o.Granularity, o.DomainId, o.Address, ImplNames.Operand(o.SizeLg2Pages), o.LeafOnly); break;
            default: Either(op); break;
        }
    }

    private void Either(Op op)
    {
        switch (op)
        {
            case Op.Access o: _iommu.Access(Id(o.Device), o.Iova, o.Length, ImplNames.Kind(o.Kind), _pieces, out _); break;
            case Op.DrainFaults: _iommu.DrainFaults(_faults, out _); break;
            case Op.FailNext o: _iommu.FailNextAllocation(Math.Max(o.Index, 0)); break;
        }
    }

    private bool IsWord(ulong physical) => physical % 8 == 0 && physical >> platform.PhysicalBits == 0;

    private static ushort Id(int device) => Platform.RequesterId(device);
}
