using System.Collections.Immutable;
using System.Reflection;
using System.Runtime.Loader;
using IommuHarness.Mutants;
using IommuHarness.Targets;
using IommuSpec;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Platform = IommuSpec.Platform;

namespace IommuVerify.Tests.Properties.Support;

/// <summary>
/// The implementation compiled from its sources with a call behind every statement that stores into a table, so that somebody can look after each
/// store. The implementation that everybody else uses has no such calls and pays nothing for them.
/// </summary>
internal sealed class ObservedImplementation : IDisposable
{
    private const string HookSource = "namespace IommuImpl { public static class Stores { public static System.Action? Behind; public static void Happened() => Behind?.Invoke(); } }";

    private readonly Assembly assembly;
    private readonly object iommu;
    private readonly Type rights;
    private readonly MethodInfo map;
    private readonly MethodInfo unmap;
    private readonly MethodInfo unmapAll;
    private readonly MethodInfo invalidate;
    private readonly MethodInfo tryGetRoot;

    private ObservedImplementation(Assembly assembly, Platform platform)
    {
        this.assembly = assembly;
        iommu = Activator.CreateInstance(Type("Iommu"), Options(platform))!;
        rights = Type("Rights");
        (map, unmap, unmapAll) = (Method("Map"), Method("Unmap"), Method("UnmapAll"));
        (invalidate, tryGetRoot) = (Method("Invalidate"), Method("TryGetRoot"));
        object memory = iommu.GetType().GetProperty("Memory")!.GetValue(iommu)!;
        ReadWord = memory.GetType().GetMethod("ReadWord")!.CreateDelegate<Func<ulong, ulong>>(memory);
    }

    /// <summary>Loads a word of its memory.</summary>
    public Func<ulong, ulong> ReadWord { get; }

    /// <summary>Called behind each store.</summary>
    public Action? Behind
    {
        set => Type("Stores").GetField("Behind")!.SetValue(null, value);
    }

    /// <summary>Compiles the sources, changed by whoever asks.</summary>
    /// <param name="change">A file's path and text to its text.</param>
    public static Assembly Compile(Func<string, string, string> change)
    {
        ImmutableSortedDictionary<string, string> sources = IommuHarness.Mutants.Repository.Find().ImplementationSources()
            .ToImmutableSortedDictionary(file => file.Key, file => WithCalls(file.Key, change(file.Key, file.Value)), StringComparer.Ordinal)
            .Add("Stores.cs", HookSource);
        using MemoryStream image = new(MutantCompiler.Compile(sources, "observed"));
        return new AssemblyLoadContext("observed").LoadFromStream(image);
    }

    public static ObservedImplementation Start(Assembly assembly, Platform platform) => new(assembly, platform);

    /// <summary>Where a domain's root table is; null before its first mapping.</summary>
    public ulong? Root(int domain)
    {
        object?[] arguments = [domain, 0ul];
        return (bool)tryGetRoot.Invoke(iommu, arguments)! ? (ulong)arguments[1]! : null;
    }

    /// <summary>Does an operation that changes tables; others are left out.</summary>
    public void Apply(Op op)
    {
        _ = op switch
        {
            Op.Map o => map.Invoke(iommu, [o.Domain, o.Iova, o.Length, o.Physical, Enum.ToObject(rights, (byte)ImplNames.Rights(o.Rights))]),
            Op.Unmap o => unmap.Invoke(iommu, [o.Domain, o.Iova, o.Length, 0ul]),
            Op.UnmapAll o => unmapAll.Invoke(iommu, [o.Domain, 0ul]),
            Op.Invalidate o => invalidate.Invoke(iommu, [o.Domain, o.Iova, o.Length]),
            _ => null,
        };
    }

    public void Dispose() => ((IDisposable)iommu).Dispose();

    private Type Type(string name) => assembly.GetType("IommuImpl." + name, throwOnError: true)!;

    private MethodInfo Method(string name) => iommu.GetType().GetMethod(name)!;

    /// <summary>The options of the implementation that was built, property by property.</summary>
    private object Options(Platform platform)
    {
        IommuImpl.IommuOptions built = ImplNames.Options(platform);
        object options = Activator.CreateInstance(Type("IommuOptions"))!;
        foreach (PropertyInfo property in options.GetType().GetProperties().Where(property => property.CanWrite))
        {
            object value = typeof(IommuImpl.IommuOptions).GetProperty(property.Name)!.GetValue(built)!;
            property.SetValue(options, property.PropertyType.IsEnum ? Enum.ToObject(property.PropertyType, value) : value);
        }

        return options;
    }

    private static string WithCalls(string path, string text) => path.Contains("/Tables/", StringComparison.Ordinal) || path.Contains("/Iommu.", StringComparison.Ordinal)
        ? new Rewriter().Visit(CSharpSyntaxTree.ParseText(text).GetRoot()).ToFullString()
        : text;

    /// <summary>Puts a call behind each statement that stores through an index or a pointer, clears a span or stores a vector.</summary>
    private sealed class Rewriter : CSharpSyntaxRewriter
    {
        public override SyntaxNode? VisitExpressionStatement(ExpressionStatementSyntax node)
        {
            if (!IsStore(node.Expression))
                return base.VisitExpressionStatement(node);
            StatementSyntax call = SyntaxFactory.ParseStatement("global::IommuImpl.Stores.Happened();");
            return SyntaxFactory.Block(node.WithoutTrivia(), call).WithTriviaFrom(node);
        }

        private static bool IsStore(ExpressionSyntax expression) => expression switch
        {
            AssignmentExpressionSyntax { Left: ElementAccessExpressionSyntax } => true,
            AssignmentExpressionSyntax { Left: PrefixUnaryExpressionSyntax { RawKind: (int)SyntaxKind.PointerIndirectionExpression } } => true,
            InvocationExpressionSyntax { Expression: MemberAccessExpressionSyntax { Name.Identifier.Text: "Clear" or "Store" or "Fill" or "CopyTo" } } => true,
            _ => false,
        };
    }
}
