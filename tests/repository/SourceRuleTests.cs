using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Xunit;

namespace IommuVerify.Tests.Repository;

/// <summary>What the sources promise and no compiler checks.</summary>
public partial class SourceRuleTests
{
    private const int LongestFileLines = 600;
    private const string Clock = "src/IommuHarness/Check/Clock.cs";

    private static IEnumerable<string> Code =>
        SourceTree.Files().Where(file => file.EndsWith(".cs", StringComparison.Ordinal));

    [Fact]
    public void Only_the_clock_reads_a_clock_or_invents_a_seed()
    {
        // The compiler refuses banned symbols; what is left is that nobody else switches that off.
        IEnumerable<string> suppressing = SourceTree.Files()
            .Where(file => Path.GetExtension(file) is ".cs" or ".csproj" or ".props" or ".targets" or ".editorconfig" or ".ruleset" or ".globalconfig")
            .Where(file => file != Clock && SourceTree.Text(file).Contains("RS" + "0030", StringComparison.Ordinal));
        Assert.Empty(suppressing);
    }

    [Fact]
    public void Every_suppressed_warning_has_its_reason_in_the_same_line_or_the_line_above()
    {
        IEnumerable<string> silent =
            from file in Code
            let lines = SourceTree.Text(file).Split('\n')
            from i in Enumerable.Range(0, lines.Length)
            where Suppression().IsMatch(lines[i]) && !lines[i].Contains("//", StringComparison.Ordinal)
                && !lines[i].Contains("Justification", StringComparison.Ordinal)
                && !(i > 0 && lines[i - 1].Contains("//", StringComparison.Ordinal))
            select $"{file}:{i + 1}";
        Assert.Empty(silent);
    }

    [Fact]
    public void No_source_file_is_longer_than_600_lines() =>
        Assert.All(Code, file => Assert.True(SourceTree.Text(file).AsSpan().Count('\n') <= LongestFileLines, file));

    [Fact]
    public void The_specification_has_no_interfaces() =>
        Assert.All(SpecTypes, type => Assert.False(type.IsInterface, type.FullName));

    [Fact]
    public void The_specification_has_no_fields_that_change()
    {
        const BindingFlags Fields =
            BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;
        IEnumerable<string> mutable =
            from type in SpecTypes
            where !type.IsEnum
            from field in type.GetFields(Fields)
            where !field.IsInitOnly && !field.IsLiteral && !field.Name.EndsWith(">P", StringComparison.Ordinal) // a constructor parameter
            select $"{type.FullName}.{field.Name}";
        Assert.Empty(mutable);
    }

    [Fact]
    public void The_specification_throws_only_where_an_invariant_of_ours_is_broken()
    {
        IEnumerable<string> throwing =
            from file in Code
            where file.StartsWith("src/IommuSpec/", StringComparison.Ordinal)
            from line in SourceTree.Text(file).Split('\n')
            where Throw().IsMatch(line) && !BrokenInvariant().IsMatch(line)
            select $"{file}: {line.Trim()}";
        Assert.Empty(throwing);
    }

    [Fact]
    public void No_tracked_file_names_a_path_of_the_machine_it_was_written_on()
    {
        IEnumerable<string> named =
            from file in SourceTree.Files()
            let found = MachinePath().Match(SourceTree.Text(file))
            where found.Success
            select $"{file}: {found.Value}";
        Assert.Empty(named);
    }

    private static IEnumerable<Type> SpecTypes =>
        typeof(IommuSpec.Spec).Assembly.GetTypes()
            .Where(type => !Chain(type).Any(t => t.IsDefined(typeof(CompilerGeneratedAttribute), inherit: false)));

    /// <summary>A type and the types that it is nested in.</summary>
    private static IEnumerable<Type> Chain(Type type)
    {
        for (Type? at = type; at is not null; at = at.DeclaringType)
            yield return at;
    }

    [GeneratedRegex(@"#pragma\s+warning\s+disable|SuppressMessage\(")]
    private static partial Regex Suppression();

    [GeneratedRegex(@"^(?!\s*//).*\bthrow\b")]
    private static partial Regex Throw();

    [GeneratedRegex(@"\bthrow new (System\.Diagnostics\.)?(UnreachableException|InvalidOperationException)\(")]
    private static partial Regex BrokenInvariant();

    // A home or scratch folder at the start of a path.
    [GeneratedRegex(@"(?<![\w./>-])(/(home|root|Users|work|tmp)/\w|[A-Z]:\\Users\\)|\.\./shared/")]
    private static partial Regex MachinePath();
}
