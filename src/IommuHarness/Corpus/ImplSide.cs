using IommuHarness.Targets;
using IommuImpl;
using IommuSpec.Rules;
using Platform = IommuSpec.Platform;

namespace IommuHarness.Corpus;

/// <summary>The implementation's walk of the same memory.</summary>
internal sealed class ImplSide : IDisposable
{
    private readonly Iommu _iommu;

    /// <param name="platform">Whose tables they are.</param>
    /// <param name="memory">The memory that they are in.</param>
    /// <param name="rootTable">Physical address of the root table of context entries, where there are any.</param>
    /// <param name="caches">Whether walks may be answered from caches.</param>
    public ImplSide(Platform platform, CaptureMemory memory, ulong rootTable, bool caches)
    {
        IommuOptions options = ImplNames.Options(platform);
        _iommu = new Iommu(caches ? options : options with { IotlbEntryCount = 0, WalkCacheEntryCount = 0 });
        foreach ((ulong physical, ulong value) in memory.Words())
            _iommu.Memory.WriteWord(physical, value);
        if (platform.Contexts == IommuSpec.ContextMode.VtdLegacy)
        {
            Require(_iommu.SetRootTable(rootTable));
            Require(_iommu.SetTranslation(true));
        }
    }

    /// <summary>Names a device's root table, where context entries do not.</summary>
    public void Program(WalkStart start)
    {
        if (start.Root is { } root)
            Require(_iommu.ProgramDevice(start.Requester, root, start.DomainId));
    }

    public ulong ReadWord(ulong physical) => _iommu.Memory.ReadWord(physical);

    public void WriteWord(ulong physical, ulong value) => _iommu.Memory.WriteWord(physical, value);

    /// <summary>Empties every cache.</summary>
    public void Flush()
    {
        if (_iommu.Options.Contexts == ContextMode.VtdLegacy)
            Require(_iommu.InvalidateContexts(1, 0, 0, 0));
        Require(_iommu.InvalidateIotlb(1, 0, 0, 0, false));
    }

    /// <summary>What becomes of one byte's access.</summary>
    public IommuSpec.Outcome At(WalkStart start, ulong iova, IommuSpec.AccessKind kind)
    {
        TranslateResult result = _iommu.Translate(start.Requester, iova, kind == IommuSpec.AccessKind.Write ? AccessKind.Write : AccessKind.Read);
        return result.IsInterrupt ? IommuSpec.Outcome.Interrupt
            : result.IsFault ? IommuSpec.Outcome.Faulted(result.Reason)
            : IommuSpec.Outcome.Landed(result.Physical);
    }

    public void Dispose() => _iommu.Dispose();

    private static void Require(Status status)
    {
        if (status != Status.Done)
            throw new InvalidOperationException($"the implementation answers {status} to the set-up of a capture");
    }
}
