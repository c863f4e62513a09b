using HarnessRepository = IommuHarness.Mutants.Repository;

namespace IommuVerify.Tests.Repository;

/// <summary>The checked-out files, build products left out.</summary>
internal static class SourceTree
{
    private static readonly string[] Products =
        ["bin", "obj", ".git", ".vs", ".idea", "artifacts", "TestResults", "iommu-verify-out"];

    internal static HarnessRepository Repository { get; } = HarnessRepository.Find();

    internal static string Root => Repository.Root;

    /// <summary>Paths relative to the root, with forward slashes, in order.</summary>
    internal static IEnumerable<string> Files() => Files(new(Root)).Order(StringComparer.Ordinal);

    internal static string Text(string file) => File.ReadAllText(Path.Combine(Root, file));

    private static IEnumerable<string> Files(DirectoryInfo folder) =>
        folder.EnumerateFiles().Select(file => Path.GetRelativePath(Root, file.FullName).Replace('\\', '/'))
            .Concat(folder.EnumerateDirectories().Where(inner => !Products.Contains(inner.Name)).SelectMany(Files));
}
