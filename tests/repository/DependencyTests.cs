using System.Reflection;
using System.Xml.Linq;
using IommuHarness.Mutants;
using Xunit;

namespace IommuVerify.Tests.Repository;

/// <summary>Who may use whom: a mistake shared by specification and implementation would be an invisible one.</summary>
public class DependencyTests
{
    private static readonly string Root = SourceTree.Root;

    [Fact]
    public void The_specification_references_nothing()
    {
        Assert.Empty(References("src/IommuSpec/IommuSpec.csproj"));
        Assert.Empty(OutsideTheFramework(typeof(IommuSpec.Spec).Assembly));
    }

    [Fact]
    public void The_implementation_references_nothing()
    {
        Assert.Empty(References("src/IommuImpl/IommuImpl.csproj"));
        Assert.Empty(OutsideTheFramework(Assembly.Load("IommuImpl")));
    }

    [Fact]
    public void The_harness_references_specification_implementation_and_the_compiler_that_builds_mutants()
    {
        Assert.Equal(["IommuImpl", "IommuSpec", "Microsoft.CodeAnalysis.CSharp"], References("src/IommuHarness/IommuHarness.csproj"));
        Assert.All(
            OutsideTheFramework(typeof(IommuHarness.Mutants.Repository).Assembly),
            name => Assert.True(name is "IommuImpl" or "IommuSpec" or "Microsoft.CodeAnalysis" or "Microsoft.CodeAnalysis.CSharp", name));
    }

    [Fact]
    public void Everything_else_reaches_specification_and_implementation_through_the_harness()
    {
        IEnumerable<string> others = SourceTree.Files()
            .Where(file => file.EndsWith(".csproj", StringComparison.Ordinal))
            .Where(file => file is not ("src/IommuSpec/IommuSpec.csproj" or "src/IommuImpl/IommuImpl.csproj" or "src/IommuHarness/IommuHarness.csproj"));
        Assert.All(others, project => Assert.DoesNotContain(References(project), name => name is "IommuSpec" or "IommuImpl"));
    }

    [Fact]
    public void Every_project_is_part_of_the_solution()
    {
        string solution = File.ReadAllText(Path.Combine(Root, "Verify.sln"));
        IEnumerable<string> projects = SourceTree.Files().Where(file => file.EndsWith(".csproj", StringComparison.Ordinal));
        Assert.All(projects, project => Assert.Contains(project.Replace('/', '\\'), solution, StringComparison.Ordinal));
    }

    [Fact]
    public void Package_versions_stand_in_one_place()
    {
        IEnumerable<string> projects = SourceTree.Files().Where(file => file.EndsWith(".csproj", StringComparison.Ordinal));
        Assert.All(projects, project => Assert.DoesNotContain(Items(project, "PackageReference"), item => item.Attribute("Version") is not null));
    }

    /// <summary>Names of the projects and packages that a project names, in order.</summary>
    private static IEnumerable<string> References(string project) =>
        Items(project, "ProjectReference").Select(item => Path.GetFileNameWithoutExtension(Include(item).Replace('\\', '/')))
            .Concat(Items(project, "PackageReference").Select(Include))
            .Concat(Items(project, "Reference").Select(Include))
            .Order(StringComparer.Ordinal);

    private static string Include(XElement item) => item.Attribute("Include")!.Value;

    private static IEnumerable<XElement> Items(string project, string kind) =>
        XDocument.Load(Path.Combine(Root, project)).Descendants(kind);

    private static IEnumerable<string> OutsideTheFramework(Assembly assembly) =>
        assembly.GetReferencedAssemblies().Select(name => name.Name!)
            .Where(name => !name.StartsWith("System.", StringComparison.Ordinal) && name is not ("System" or "netstandard" or "mscorlib" or "Microsoft.Win32.Primitives"));
}
