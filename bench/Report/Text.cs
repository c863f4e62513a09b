using System.Globalization;

namespace IommuVerify.Bench;

/// <summary>Numbers as the report writes them.</summary>
public static class Text
{
    /// <summary>512, 64 Ki, 16 Mi.</summary>
    public static string Count(int count) => count >= 1 << 20 ? $"{count >> 20} Mi" : count >= 1 << 13 ? $"{count >> 10} Ki" : Plain(count);

    public static string Time(double nanoseconds) =>
        nanoseconds < 10 ? nanoseconds.ToString("0.0", CultureInfo.InvariantCulture) : nanoseconds.ToString("#,0", CultureInfo.InvariantCulture);

    public static string Ratio(double? ratio) =>
        ratio is not { } value ? "" : value.ToString(value < 0.095 ? "0.000" : value < 9.95 ? "0.00" : "#,0", CultureInfo.InvariantCulture);

    public static string Percent(double part) => (100 * part).ToString("0", CultureInfo.InvariantCulture) + " %";

    public static string Plain(double value) => value.ToString("#,0.##", CultureInfo.InvariantCulture);
}
