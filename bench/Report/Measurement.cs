using System.Collections.Immutable;
using System.Reflection;
using BenchmarkDotNet.Reports;

namespace IommuVerify.Bench;

/// <summary>What one benchmark took.</summary>
/// <param name="Class">Its class.</param>
/// <param name="Method">Its method.</param>
/// <param name="Pages">Size of the tables; null where the class has one size.</param>
/// <param name="Row">How the report calls it; null for what is only compared with.</param>
/// <param name="Nanoseconds">An operation, in the undisturbed iterations: the fastest tenth ends here.</param>
/// <param name="Median">An operation, in the iteration in the middle, in nanoseconds.</param>
/// <param name="Bytes">Allocated by an operation.</param>
public sealed record Measurement(string Class, string Method, int? Pages, RowAttribute? Row, double Nanoseconds, double Median, double Bytes)
{
    /// <summary>All benchmarks that gave figures, in the order in which they are declared.</summary>
    public static ImmutableArray<Measurement> Of(IEnumerable<Summary> summaries) =>
    [
        .. from summary in summaries
           from report in summary.Reports
           where report.ResultStatistics is not null
           select Of(report),
    ];

    private static Measurement Of(BenchmarkReport report)
    {
        var method = report.BenchmarkCase.Descriptor.WorkloadMethod;
        var sorted = report.ResultStatistics!.OriginalValues.Order().ToArray();
        return new Measurement(
            report.BenchmarkCase.Descriptor.Type.Name, method.Name, report.BenchmarkCase.Parameters["Pages"] as int?,
            method.GetCustomAttribute<RowAttribute>(), sorted[sorted.Length / 10], sorted[sorted.Length / 2],
            report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase) ?? 0);
    }
}

/// <summary>The figures of one run.</summary>
public sealed class Figures(ImmutableArray<Measurement> all)
{
    public ImmutableArray<Measurement> All => all;

    public IEnumerable<Measurement> Rows => all.Where(m => m.Row is not null);

    public Measurement? Find(string type, string method, int? pages = null) =>
        all.FirstOrDefault(m => m.Class == type && m.Method == method && m.Pages == pages);

    /// <summary>What a row takes in units of what another method of its class takes over the same memory; null when one was not measured.</summary>
    public double? Ratio(Measurement? row, string? other) =>
        row is not null && other is not null && Find(row.Class, other, row.Pages) is { } beside ? row.Nanoseconds / beside.Nanoseconds : null;

    /// <summary>The same by names.</summary>
    public double? Ratio(string type, string method, string other, int? pages = null) => Ratio(Find(type, method, pages), other);
}
