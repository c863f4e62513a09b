using System.Collections.Immutable;
using BenchmarkDotNet.Running;
using IommuHarness.Mutants;
using IommuVerify.Bench;

const string Usage = "usage: bench/run [--quick] [--only PART-OF-A-NAME]\n";
const int WrongUsage = 2, Failed = 3;
var quick = false;
string? only = null;
for (var i = 0; i < args.Length; i++)
{
    if (args[i] == "--quick")
    {
        quick = true;
    }
    else if (args[i] == "--goals")
    {
    }
    else if (args[i] == "--only" && i + 1 < args.Length)
    {
        only = args[++i];
    }
    else
    {
        Console.Error.Write(args[i] is "--help" or "-h" ? Usage : $"bench: '{args[i]}' is not known\n{Usage}");
        return args[i] is "--help" or "-h" ? 0 : WrongUsage;
    }
}

if (args.Contains("--goals"))
{
    _ = new Duels(quick, only).Measure();
    return 0;
}

// The page in docs is one whole run; anything less goes where nobody takes it for one.
var root = Repository.Find().Root;
var artifacts = Path.Combine(root, "artifacts", "bench");
var docs = quick || only is not null ? artifacts : Path.Combine(root, "docs");
Directory.CreateDirectory(docs);

Type[] measured = [typeof(Hits), typeof(Walks), typeof(MapUnmapOne), typeof(MapUnmapRun), typeof(MapUnmapHuge), typeof(Invalidations), typeof(KernelCalls)];
var summaries = BenchmarkRunner.Run(measured, Settings.Config(quick, only, artifacts));
var figures = new Figures(Measurement.Of(summaries));
ImmutableArray<CheckingSpeed> checking = only is not null ? [] : quick ? Checking.Measure(20, 1) : Checking.Measure(2000, 5);

var plot = CostPlot.TryWrite(figures, Path.Combine(docs, "benchmarks.svg")) ? "benchmarks.svg" : null;
var page = MarkdownReport.Write(figures, checking, plot, "bench/run" + string.Concat(args.Select(a => " " + a)));
File.WriteAllText(Path.Combine(docs, "benchmarks.md"), page);
Console.Out.Write(page);
var all = summaries.Sum(s => s.BenchmarksCases.Length);
if (figures.All.Length == all && all != 0 && !summaries.Any(s => s.HasCriticalValidationErrors))
    return 0;
Console.Error.Write($"bench: {all - figures.All.Length} of {all} benchmarks gave no figure\n");
return Failed;
