namespace IommuImpl;

/// <summary>
/// An IOMMU: page tables, caches, contexts and a fault log over simulated physical memory. Refusals are values of
/// <see cref="Status"/>; only arguments that no state makes legal throw. Not thread-safe.
/// </summary>
/// <remarks>
/// Software level: a domain's root table is made with the domain, is not counted in <see cref="TablesInUse"/>, cannot be
/// made to fail and goes with <see cref="FreeDomain"/>. Table memory starts at <see cref="PhysicalMemory.TableBase"/>.
/// </remarks>
public sealed partial class Iommu : IDisposable
{
    private readonly TablePool _pool;
    private readonly TableStore _store;
    private readonly WalkRules _rules = new();
    private readonly Iotlb _iotlb = new();
    private readonly WalkCache _walkCache = new();
    private readonly ContextCache _contexts = new();
    private readonly DomainTags _tags = new();
    private readonly FaultLog _faults = new();
    private readonly LegacyContexts _legacy;
    private bool _isSecondStage;
    private IotlbPlaces _iotlbPlaces;
    private ContextPlaces _contextPlaces;

    /// <summary>Marks a cached context as usable: <see cref="ContextCache.Present"/>, or <see cref="ContextCache.Unusable"/> while translation is off.</summary>
    private uint _contextPresent;

    public Iommu(IommuOptions options)
    {
        Memory = new PhysicalMemory();
        _pool = new TablePool(Memory);
        _store = new TableStore(_pool, _rules, _walkCache);
        _legacy = new LegacyContexts(Memory);
        Options = null!;
        Reset(options);
    }

    public IommuOptions Options { get; private set; }

    public PhysicalMemory Memory { get; }

    /// <summary>Table pages in use, roots of domains not counted.</summary>
    public int TablesInUse => _pool.InUseCount;

    /// <summary>Back to the state of a new instance, with other options if need be; keeps and reuses all storage.</summary>
    public void Reset(IommuOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (!ReferenceEquals(options, Options))
        {
            options.Validate();
            Options = options;
            _physicalBits = options.PhysicalBits;
            _unmapPolicy = options.Unmap;
            _isSecondStage = options.Format == TableFormat.VtdSecondStage;
            if (_isSecondStage)
                _rules.Set<VtdSecondStageFormat>(options);
            else
                _rules.Set<X86FirstStageFormat>(options);
        }

        _store.Reset(options);
        _tags.RenewAll();
        _iotlb.Reset(options.IotlbEntryCount);
        _walkCache.Reset(options.WalkCacheEntryCount);
        _contexts.Reset(options.ContextCacheEntryCount);
        (_iotlbPlaces, _contextPlaces) = (_iotlb.Places, _contexts.Places);
        _faults.Reset(options.FaultRecordCount, options.FaultCompression);
        _legacy.Reset(options);
        _contextPresent = options.Contexts == ContextMode.VtdLegacy ? ContextCache.Unusable : ContextCache.Present;
        ResetSoftware();
        _programmed.Clear();
    }

    /// <summary>Reads pending fault records from FRI while F is set, clears them, then clears PFO.</summary>
    /// <param name="into">Receives the records, oldest first. When too short, the rest and PFO stay.</param>
    /// <param name="overflow">PFO as it was.</param>
    /// <returns>Records read.</returns>
    public int DrainFaults(Span<FaultRecord> into, out bool overflow) => _faults.Drain(into, out overflow);

    /// <inheritdoc/>
    public void Dispose() => Memory.Dispose();
}
