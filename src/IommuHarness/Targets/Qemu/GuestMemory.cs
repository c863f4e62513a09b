using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace IommuHarness.Targets.Qemu;

/// <summary>
/// A guest's memory, shared with the emulator: a file of holes that both map. Emptying it makes all of it 0 again, however much was written.
/// </summary>
internal sealed unsafe partial class GuestMemory : IDisposable
{
    private const int SeekData = 3;
    private const int SeekHole = 4;
    private const int GranuleLength = 4096;

    /// <summary>Granules that may have memory behind them, all 0 or not.</summary>
    private const int MostUsed = 512;

    private readonly HashSet<ulong> used = [];

    private readonly FileStream file;
    private readonly MemoryMappedFile mapped;
    private readonly MemoryMappedViewAccessor view;
    private readonly byte* bytes;

    /// <param name="length">In bytes.</param>
    public GuestMemory(long length)
    {
        Length = length;
        // memory without a disk behind it where the system has that
        Folder = Directory.CreateDirectory(Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), Path.GetRandomFileName())).FullName;
        file = new FileStream(Path.Combine(Folder, "ram"), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
        file.SetLength(length);
        mapped = MemoryMappedFile.CreateFromFile(file, null, length, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: true);
        view = mapped.CreateViewAccessor(0, length);
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref bytes);
    }

    /// <summary>In bytes.</summary>
    public long Length { get; }

    /// <summary>The file, until <see cref="Unlink"/>.</summary>
    public string FileName => file.Name;

    private string Folder { get; }

    /// <summary>A word of memory; the address is a multiple of 4 inside it.</summary>
    public ref uint this[ulong address] => ref *(uint*)(bytes + address);

    /// <summary>Takes the file's name away once the emulator has opened it: whoever dies, nothing is left behind.</summary>
    public void Unlink() => Directory.Delete(Folder, recursive: true);

    /// <summary>All 0 again.</summary>
    /// <param name="granules">Where something was written.</param>
    public void Empty(HashSet<ulong> granules)
    {
        used.UnionWith(granules);
        if (used.Count > MostUsed)
        {
            // this costs more than to clear a few granules, and less than to look through very many
            file.SetLength(0);
            file.SetLength(Length);
            used.Clear();
            return;
        }

        foreach (ulong granule in granules)
            new Span<byte>(bytes + granule, GranuleLength).Clear();
    }

    /// <summary>The pages that were ever written since it was empty, ascending; some may be all 0.</summary>
    public IEnumerable<ulong> Pages()
    {
        for (long at = Seek(file.SafeFileHandle, 0, SeekData); at >= 0 && at < Length; at = Seek(file.SafeFileHandle, at, SeekData))
        {
            long end = Seek(file.SafeFileHandle, at, SeekHole);
            for (; at < end; at += GranuleLength)
                yield return (ulong)at;
        }
    }

    public void Dispose()
    {
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        mapped.Dispose();
        file.Dispose();
        if (Directory.Exists(Folder))
            Unlink();
    }

    [LibraryImport("libc", EntryPoint = "lseek")]
    private static partial long Seek(SafeFileHandle file, long offset, int whence);
}
