using System.Runtime.InteropServices;

namespace IommuVerify.Bench;

/// <summary>Native memory for the tables of a contestant, zeroed: in huge pages where the implementation's own are.</summary>
public static unsafe class TableMemory
{
    private const nuint PageBytes = 4096, HugePageBytes = 2 << 20;
    private const int AdviseHugePages = 14;

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
