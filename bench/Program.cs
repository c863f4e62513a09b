using System.Collections.Immutable;
using BenchmarkDotNet.Running;
using IommuHarness.Mutants;
using IommuVerify.Bench;

const string Usage = """
    usage: bench/run [--quick] [--goals] [--only PART-OF-A-NAME]
      --quick  everything once, to see that it works
      --goals  only the goals: two minutes instead of some eight
      --only   only goals or benchmarks with this in their names

    """;
const int WrongUsage = 2, Failed = 3;
var (quick, goalsOnly) = (false, false);
string? only = null;
for (var i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "--quick":
            quick = true;
            break;
        case "--goals":
            goalsOnly = true;
            break;
        case "--only" when i + 1 < args.Length:
            only = args[++i];
            break;
        default:
            Console.Error.Write(args[i] is "--help" or "-h" ? Usage : $"bench: '{args[i]}' is not known\n{Usage}");
            return args[i] is "--help" or "-h" ? 0 : WrongUsage;
    }
}

// The page in docs is one whole run; anything less goes where nobody takes it for one.
var root = Repository.Find().Root;
var artifacts = Path.Combine(root, "artifacts", "bench");
var docs = args.Length != 0 ? artifacts : Path.Combine(root, "docs");
Directory.CreateDirectory(docs);

var duels = new Duels(quick, only).Measure();
Type[] measured = [typeof(Hits), typeof(Walks), typeof(MapUnmapOne), typeof(MapUnmapRun), typeof(MapUnmapHuge), typeof(Invalidations), typeof(KernelCalls)];
var summaries = goalsOnly ? [] : BenchmarkRunner.Run(measured, Settings.Config(quick, only, artifacts));
var figures = new Figures(Measurement.Of(summaries));
ImmutableArray<CheckingSpeed> checking = only is not null ? [] : quick ? Checking.Measure(20, 1) : Checking.Measure(2000, 5);

var plot = CostPlot.TryWrite(figures, Path.Combine(docs, "benchmarks.svg")) ? "benchmarks.svg" : null;
var page = MarkdownReport.Write(Goals.Of(duels, quick ? [] : figures.Rows, checking), figures, checking, plot, "bench/run" + string.Concat(args.Select(a => " " + a)));
File.WriteAllText(Path.Combine(docs, "benchmarks.md"), page);
Console.Out.Write(page);
var all = summaries.Sum(s => s.BenchmarksCases.Length);
if (figures.All.Length == all && duels.Length + all != 0 && !summaries.Any(s => s.HasCriticalValidationErrors))
    return 0;
Console.Error.Write($"bench: {all - figures.All.Length} of {all} benchmarks gave no figure\n");
return Failed;
