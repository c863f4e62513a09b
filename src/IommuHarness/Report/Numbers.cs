using System.Globalization;

namespace IommuHarness.Report;

/// <summary>Figures as reports print them.</summary>
public static class Numbers
{
    /// <summary>Whole units a second; 0 where no time passed.</summary>
    public static long PerSecond(long count, TimeSpan elapsed) => elapsed > TimeSpan.Zero ? (long)(count / elapsed.TotalSeconds) : 0;

    public static string Seconds(TimeSpan elapsed) => elapsed.TotalSeconds < 120
        ? string.Create(CultureInfo.InvariantCulture, $"{elapsed.TotalSeconds:0.0} s")
        : string.Create(CultureInfo.InvariantCulture, $"{(long)elapsed.TotalMinutes:N0} min {elapsed.Seconds} s");
}
