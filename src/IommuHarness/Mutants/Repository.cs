using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using IommuHarness.Targets;
using IommuHarness.Trace;

namespace IommuHarness.Mutants;

/// <summary>The checked-out sources of this project, which mutants are made from.</summary>
/// <param name="Root">The folder that holds Verify.sln.</param>
public sealed record Repository(string Root)
{
    /// <summary>The repository round the working directory, otherwise the one that this program was built in.</summary>
    /// <exception cref="TargetStartException">There is none.</exception>
    public static Repository Find() =>
        TryFind(out Repository? found)
            ? found
            : throw new TargetStartException(
                "mutants are made from the sources: run inside a clone of the repository (no Verify.sln found from here upwards)");

    public static bool TryFind([NotNullWhen(true)] out Repository? found)
    {
        found = new[] { Environment.CurrentDirectory, AppContext.BaseDirectory }
            .SelectMany(Upwards)
            .Where(folder => File.Exists(Path.Combine(folder, "Verify.sln")))
            .Select(folder => new Repository(folder))
            .FirstOrDefault();
        return found is not null;
    }

    /// <summary>The mutants' names, in order.</summary>
    public ImmutableArray<string> MutantNames() =>
        Directory.Exists(MutantsFolder)
            ? [.. Directory.EnumerateFiles(MutantsFolder, "*.patch").Select(f => Path.GetFileNameWithoutExtension(f)!).Order(StringComparer.Ordinal)]
            : [];

    /// <summary>A mutant's patch.</summary>
    /// <exception cref="InputException">There is none of that name, or it is not a patch.</exception>
    public MutantPatch ReadMutant(string name) =>
        MutantNames().Contains(name)
            ? PatchReader.Read(File.ReadAllText(Path.Combine(MutantsFolder, name + ".patch")), $"mutants/{name}.patch")
            : throw new InputException($"mutant:{name}", 0, 0, "the name of a file of mutants/ without its .patch (./verify mutants lists them)", name);

    public string MutantsFolder => Path.Combine(Root, "mutants");

    /// <summary>The implementation's C# files: path relative to <see cref="Root"/> with forward slashes, and text.</summary>
    public ImmutableSortedDictionary<string, string> ImplementationSources() =>
        Sources("src/IommuImpl").ToImmutableSortedDictionary(path => path, path => File.ReadAllText(Path.Combine(Root, path)), StringComparer.Ordinal);

    /// <summary>Paths of the C# files under a folder, relative to <see cref="Root"/>, build products left out.</summary>
    public IEnumerable<string> Sources(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Root, path).Replace('\\', '/'))
            .Where(path => !path.Contains("/obj/", StringComparison.Ordinal) && !path.Contains("/bin/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);

    private static IEnumerable<string> Upwards(string folder)
    {
        for (DirectoryInfo? at = new(folder); at is not null; at = at.Parent)
            yield return at.FullName;
    }
}
