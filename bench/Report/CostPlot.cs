using System.Globalization;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace IommuVerify.Bench;

/// <summary>How the cost of a translation grows with the pages mapped.</summary>
public static class CostPlot
{
    private static readonly (string Method, string Label)[] Curves =
    [
        (nameof(Walks.SortedDictionary), "SortedDictionary"),
        (nameof(Walks.SortedRanges), "sorted ranges"),
        (nameof(Walks.Dictionary), "Dictionary"),
        (nameof(Walks.WalkByHand), "walk by hand"),
        (nameof(Walks.Walk), "checked walk"),
        (nameof(Walks.BareWalk), "bare loads"),
        (nameof(Walks.WalkFromWalkCache), "walk cache"),
        (nameof(Walks.Batch32), "batches of 32"),
    ];

    /// <summary>Writes an SVG. False when no size was measured.</summary>
    public static bool TryWrite(Figures figures, string path)
    {
        using var plot = new Plot();
        foreach (var (method, label) in Curves)
        {
            var points = figures.All.Where(m => m.Class == nameof(Walks) && m.Method == method).OrderBy(m => m.Pages).ToArray();
            if (points.Length == 0)
                continue;
            var curve = plot.Add.Scatter(points.Select(m => Math.Log2(m.Pages!.Value)).ToArray(), points.Select(m => Math.Log10(m.Nanoseconds)).ToArray());
            curve.LegendText = label;
            curve.LineWidth = 2;
        }

        if (plot.GetPlottables().Any())
        {
            Label(plot);
            plot.SaveSvg(path, 800, 500);
            return true;
        }

        return false;
    }

    private static void Label(Plot plot)
    {
        plot.Title("Cost of one translation at random");
        plot.XLabel("pages mapped");
        plot.YLabel("nanoseconds");
        plot.Axes.Bottom.TickGenerator = new NumericManual([9, 16, 20, 24], ["512", "64 Ki", "1 Mi", "16 Mi"]);
        double[] times = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000];
        plot.Axes.Left.TickGenerator = new NumericManual([.. times.Select(Math.Log10)], [.. times.Select(t => t.ToString(CultureInfo.InvariantCulture))]);
        plot.ShowLegend(Alignment.UpperLeft);
    }
}
