using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Environments;
using BenchmarkDotNet.Filters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Toolchains.InProcess.NoEmit;
using Perfolizer.Horology;

namespace IommuVerify.Bench;

/// <summary>How everything is measured.</summary>
public static class Settings
{
    /// <summary>The largest table of a quick run, in pages.</summary>
    private const int QuickPages = 1 << 16;

    /// <summary>
    /// Many short iterations: on a machine that has other work, some of them run undisturbed, and those are what the report
    /// quotes. Each benchmark has a process of its own, compiled at once at full optimisation.
    /// </summary>
    private static Job Full => Job.Default
        .WithRuntime(CoreRuntime.Core10_0)
        .WithEnvironmentVariables(new EnvironmentVariable("DOTNET_TieredCompilation", "0"), new EnvironmentVariable("DOTNET_TieredPGO", "0"))
        .WithArguments([new MsBuildArgument("/p:RunAnalyzers=false"), new MsBuildArgument("/p:TreatWarningsAsErrors=false")])
        .WithUnrollFactor(1)
        .WithEvaluateOverhead(false)
        // Nothing that is measured again and again allocates, and a collection visits all nodes of the largest sorted dictionary.
        .WithGcForce(false)
        .WithIterationTime(TimeInterval.FromMilliseconds(4))
        .WithWarmupCount(8)
        .WithIterationCount(64);

    /// <summary>Everything once, in this process: whether it works, not how fast it is.</summary>
    private static Job Quick => Job.Default
        .WithToolchain(new InProcessNoEmitToolchain(logOutput: false))
        .WithUnrollFactor(1)
        .WithEvaluateOverhead(false)
        .WithInvocationCount(1)
        .WithWarmupCount(1)
        .WithIterationCount(3);

    /// <param name="quick">Few iterations and small tables.</param>
    /// <param name="only">Part of the names of what is measured; null for all.</param>
    /// <param name="artifacts">Folder for BenchmarkDotNet's own files.</param>
    public static IConfig Config(bool quick, string? only, string artifacts)
    {
        var config = new ManualConfig()
            .AddJob(quick ? Quick : Full)
            .AddDiagnoser(MemoryDiagnoser.Default)
            .AddColumnProvider(DefaultColumnProviders.Instance)
            .WithArtifactsPath(artifacts)
            .WithOptions(ConfigOptions.DisableLogFile)
            .AddLogger(new Progress());
        if (quick)
            config.AddFilter(new SimpleFilter(c => c.Parameters["Pages"] is not int pages || pages <= QuickPages));
        if (only is not null)
            config.AddFilter(new SimpleFilter(c => c.Descriptor.DisplayInfo.Contains(only, StringComparison.OrdinalIgnoreCase)));
        return config;
    }

    /// <summary>Of BenchmarkDotNet's many lines those that say where it is, and errors.</summary>
    private sealed class Progress : ILogger
    {
        private const string Started = "// Benchmark: ";

        public string Id => nameof(Progress);

        public int Priority => 0;

        public void Write(LogKind logKind, string text)
        {
            // Lines that begin with // are hints about BenchmarkDotNet itself.
            if (logKind is LogKind.Error && !text.StartsWith("//", StringComparison.Ordinal))
                Console.Error.WriteLine(text.TrimEnd());
            else if (logKind is LogKind.Header && text.StartsWith(Started, StringComparison.Ordinal))
                Console.Error.WriteLine(text[Started.Length..text.IndexOf(": Job", StringComparison.Ordinal)] + text[(text.LastIndexOf(')') + 1)..].TrimEnd());
        }

        public void WriteLine(LogKind logKind, string text) => Write(logKind, text);

        public void WriteLine()
        {
        }

        public void Flush()
        {
        }
    }
}
