using System.Diagnostics;
using System.Security.Cryptography;

namespace IommuHarness.Check;

#pragma warning disable RS0030 // This is the one file that reads a clock and invents a seed.

/// <summary>
/// The only place that reads a clock or invents a seed. Time decides how many cases are run and what a report says about
/// speed, never what a case is.
/// </summary>
public static class Clock
{
    private static readonly long Start = Stopwatch.GetTimestamp();

    /// <summary>Time since the process began to ask, from a clock that is never set back.</summary>
    public static TimeSpan Now => Stopwatch.GetElapsedTime(Start);

    /// <summary>A seed that nobody chose; it is printed, so that the run can be repeated.</summary>
    public static ulong InventSeed()
    {
        Span<byte> bytes = stackalloc byte[8];
        RandomNumberGenerator.Fill(bytes);
        return BitConverter.ToUInt64(bytes);
    }
}
