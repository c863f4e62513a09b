using System.Reflection;
using System.Runtime.Loader;

namespace IommuHarness.Mutants;

/// <summary>
/// Loads a mutated implementation beside the right one: a second copy of this very harness binds to it, and the
/// specification is shared, so that scenarios and observations are the same types on both sides.
/// </summary>
internal sealed class MutantContext : AssemblyLoadContext
{
    private readonly Assembly _implementation;

    internal MutantContext(string name, byte[] implementation)
        : base($"mutant {name}")
    {
        using MemoryStream image = new(implementation);
        _implementation = LoadFromStream(image);
        Harness = LoadFromAssemblyPath(typeof(MutantContext).Assembly.Location);
    }

    /// <summary>The second copy of the harness.</summary>
    internal Assembly Harness { get; }

    protected override Assembly? Load(AssemblyName assemblyName) =>
        assemblyName.Name == _implementation.GetName().Name ? _implementation : null;
}
