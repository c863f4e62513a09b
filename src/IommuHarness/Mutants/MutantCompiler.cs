using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Emit;
using IommuHarness.Targets;

namespace IommuHarness.Mutants;

/// <summary>Compiles the whole implementation in memory, as its project file does.</summary>
public static class MutantCompiler
{
    // What <ImplicitUsings> gives, and the version that the built assembly has, so that the harness binds to this one.
    private const string Implied = """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Threading;
        global using System.Threading.Tasks;
        [assembly: System.Reflection.AssemblyVersion("1.0.0.0")]
        """;

    private static readonly CSharpParseOptions Parsing = CSharpParseOptions.Default
        .WithLanguageVersion(LanguageVersion.Latest)
        .WithPreprocessorSymbols("NET", "NET10_0", "NET10_0_OR_GREATER", "RELEASE", "TRACE");

    private static readonly CSharpCompilationOptions Options = new(
        OutputKind.DynamicallyLinkedLibrary,
        optimizationLevel: OptimizationLevel.Release,
        allowUnsafe: true,
        nullableContextOptions: NullableContextOptions.Enable,
        deterministic: true);

    private static readonly Lazy<ImmutableArray<MetadataReference>> Framework = new(FrameworkAssemblies);
    private static readonly Lock Guard = new();
    private static readonly Dictionary<string, SyntaxTree> Parsed = new(StringComparer.Ordinal);

    /// <summary>The assembly's bytes.</summary>
    /// <param name="sources">Path and text of each file.</param>
    /// <param name="name">What is being compiled, for messages.</param>
    /// <exception cref="TargetStartException">It does not compile: gives the first errors.</exception>
    public static byte[] Compile(ImmutableSortedDictionary<string, string> sources, string name)
    {
        SyntaxTree[] trees = [Parse("Implied.cs", Implied), .. sources.Select(file => Parse(file.Key, file.Value))];
        CSharpCompilation compilation = CSharpCompilation.Create("IommuImpl", trees, Framework.Value, Options);
        using MemoryStream image = new();
        EmitResult result = compilation.Emit(image);
        if (result.Success)
            return image.ToArray();

        IEnumerable<string> errors = result.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).Take(3).Select(d => d.ToString());
        throw new TargetStartException($"mutant {name} does not compile: {string.Join("; ", errors)}");
    }

    // Nearly all files are the same in every mutant: parsed once in a run.
    private static SyntaxTree Parse(string path, string text)
    {
        lock (Guard)
        {
            if (Parsed.TryGetValue(path, out SyntaxTree? known) && known.GetText().ToString() == text)
                return known;
            SyntaxTree tree = CSharpSyntaxTree.ParseText(text, Parsing, path);
            Parsed.TryAdd(path, tree);
            return tree;
        }
    }

    private static ImmutableArray<MetadataReference> FrameworkAssemblies()
    {
        string trusted = (string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!;
        string folder = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        return
        [
            .. trusted.Split(Path.PathSeparator)
                .Where(path => Path.GetDirectoryName(path) == folder)
                .Select(path => MetadataReference.CreateFromFile(path)),
        ];
    }
}
