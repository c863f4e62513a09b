using System.Collections.Immutable;
using System.Reflection;
using IommuHarness.Targets;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Mutants;

/// <summary>A wrong-on-purpose variant of the implementation, compiled and loaded when asked for.</summary>
public sealed class MutantTarget : ITarget, IDisposable
{
    private static readonly Lock Guard = new();
    private static readonly Dictionary<string, MutantTarget> Loaded = new(StringComparer.Ordinal);

    private readonly Func<Platform, bool> _supports;
    private readonly Func<Scenario, ImmutableArray<Observation>> _run;
    private readonly Func<Exception?> _lastCrash;

    private readonly object _adapter;

    private MutantTarget(string name, object adapter)
    {
        _adapter = adapter;
        Name = name;
        _supports = Bind<Func<Platform, bool>>(adapter, nameof(Supports));
        _run = Bind<Func<Scenario, ImmutableArray<Observation>>>(adapter, nameof(Run));
        _lastCrash = Bind<Func<Exception?>>(adapter, "get_" + nameof(LastCrash));
    }

    /// <summary>"mutant:" and the mutant's name.</summary>
    public string Name { get; }

    public Exception? LastCrash => _lastCrash();

    public bool Supports(Platform platform) => _supports(platform);

    public ImmutableArray<Observation> Run(Scenario scenario) => _run(scenario);

    /// <summary>Gives back memory; a later run takes it anew.</summary>
    public void Dispose() => (_adapter as IDisposable)?.Dispose();

    /// <summary>The mutant of that name in the repository's folder <c>mutants</c>.</summary>
    /// <exception cref="InputException">There is none, or its patch is not one or no longer applies.</exception>
    /// <exception cref="TargetStartException">There is no repository here, or the mutant does not compile.</exception>
    public static MutantTarget Load(string name)
    {
        Repository repository = Repository.Find();
        return Load(repository.ReadMutant(name), repository.ImplementationSources());
    }

    /// <summary>The mutant that a patch makes of the sources.</summary>
    public static MutantTarget Load(MutantPatch patch, ImmutableSortedDictionary<string, string> sources)
    {
        ImmutableSortedDictionary<string, string> changed = patch.Apply(sources);
        return Load(patch.Name, changed);
    }

    /// <summary>An implementation from its sources. The same sources under the same name are compiled once in a run.</summary>
    public static MutantTarget Load(string name, ImmutableSortedDictionary<string, string> sources)
    {
        string content = name + '\0' + string.Join('\0', sources.Values);
        lock (Guard)
        {
            if (Loaded.TryGetValue(content, out MutantTarget? known))
                return known;
            MutantContext context = new(name, MutantCompiler.Compile(sources, name));
            Type adapter = context.Harness.GetType(typeof(ImplTarget).FullName!, throwOnError: true)!;
            MutantTarget target = new($"mutant:{name}", Activator.CreateInstance(adapter)!);
            Loaded.Add(content, target);
            return target;
        }
    }

    private static T Bind<T>(object adapter, string method)
        where T : Delegate =>
        adapter.GetType().GetMethod(method, BindingFlags.Public | BindingFlags.Instance)!.CreateDelegate<T>(adapter);
}
