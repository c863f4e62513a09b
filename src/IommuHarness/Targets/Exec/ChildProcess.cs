using System.Diagnostics;
using System.Globalization;
using System.IO.Pipes;
using System.Runtime.InteropServices;
using System.Text;
using IommuHarness.Check;
using Microsoft.Win32.SafeHandles;

namespace IommuHarness.Targets.Exec;

/// <summary>What came of waiting for a line.</summary>
internal enum LineStatus
{
    Line,

    /// <summary>The other side has closed its output, or is gone.</summary>
    Ended,

    /// <summary>The deadline has passed.</summary>
    TimedOut,

    /// <summary>More bytes without a line feed than a line may have.</summary>
    TooLong,
}

/// <summary>
/// A child process that is written to and read from by one thread, with a deadline, in bounded memory, and killed with
/// everything that it started: it leads a session, and so a process group, of its own.
/// </summary>
internal sealed partial class ChildProcess : IDisposable
{
    /// <summary>The longest line that is read, in bytes: sixteen times the longest answer that there is.</summary>
    public const int LongestLine = 1 << 18;

    private const int LastWordsLength = 2048;
    private const short PollIn = 1;
    private const short PollOut = 4;
    private const int Sigkill = 9;

    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(500);

    // What a pipe takes without blocking where it can be written to at all.
    private static readonly int WriteSize = OperatingSystem.IsLinux() ? 4096 : 512;

    private readonly Process process;
    private readonly SafePipeHandle input;
    private readonly SafePipeHandle output;
    private readonly SafePipeHandle errors;
    private readonly byte[] buffer = new byte[LongestLine];
    private readonly byte[] lastWords = new byte[LastWordsLength];
    private int start;
    private int end;
    private int lastWordsCount;
    private byte[] pending = [];
    private int sent;
    private bool outputIsOpen = true;
    private bool errorsAreOpen = true;

    private ChildProcess(Process process)
    {
        this.process = process;
        input = ((PipeStream)process.StandardInput.BaseStream).SafePipeHandle;
        output = ((PipeStream)process.StandardOutput.BaseStream).SafePipeHandle;
        errors = ((PipeStream)process.StandardError.BaseStream).SafePipeHandle;
    }

    /// <summary>The end of what it wrote to standard error, on one line.</summary>
    public string LastWords => Encoding.UTF8.GetString(lastWords.AsSpan(0, lastWordsCount)).Trim().ReplaceLineEndings(" | ");

    /// <summary>Whether it has written more than was read.</summary>
    public bool HasMore => start < end || (outputIsOpen && Pump(TimeSpan.Zero) && start < end);

    /// <summary>Whether there is nobody to ask any more.</summary>
    public bool HasEnded => !outputIsOpen || process.HasExited;

    /// <summary>Starts a program.</summary>
    /// <param name="command">The program, by its path or by its name on the PATH, and its arguments.</param>
    /// <exception cref="TargetStartException">There is no such program, or it cannot be run.</exception>
    public static ChildProcess Start(IReadOnlyList<string> command)
    {
        string program = Find(command[0]) ?? throw new TargetStartException($"{command[0]} could not be started: no such program");
        string? setsid = Find("setsid");
        ProcessStartInfo info = new(setsid ?? program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string word in setsid is null ? command.Skip(1) : [program, .. command.Skip(1)])
            info.ArgumentList.Add(word);
        try
        {
            return new(Process.Start(info)!);
        }
        catch (ExternalException e)
        {
            throw new TargetStartException($"{command[0]} could not be started: {e.Message}", e);
        }
    }

    /// <summary>Bytes to be written while lines are read.</summary>
    public void Send(byte[] bytes) => (pending, sent) = (bytes, 0);

    /// <summary>The next line, without its end.</summary>
    /// <param name="until">The deadline, by <see cref="Clock"/>.</param>
    /// <param name="line">The line; empty where there is none.</param>
    public LineStatus ReadLine(TimeSpan until, out string line)
    {
        line = "";
        int looked = start;
        while (true)
        {
            int feed = buffer.AsSpan(looked, end - looked).IndexOf((byte)'\n');
            if (feed >= 0)
            {
                line = Encoding.UTF8.GetString(buffer.AsSpan(start, looked + feed - start));
                start = looked + feed + 1;
                return LineStatus.Line;
            }

            if (end - start == buffer.Length)
                return LineStatus.TooLong;
            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
            looked = end;
            TimeSpan left = until - Clock.Now;
            if (!outputIsOpen)
                return LineStatus.Ended;
            if (left <= TimeSpan.Zero)
                return LineStatus.TimedOut;
            // Something that it started may hold its output open after its own end.
            if (!Pump(left < Slice ? left : Slice) && process.HasExited && !Pump(TimeSpan.Zero))
                return LineStatus.Ended;
        }
    }

    /// <summary>Ends it, if it has not ended by itself, and says how that came about.</summary>
    /// <param name="byItself">It is about to end by itself, so it is waited for a moment.</param>
    public string End(bool byItself)
    {
        TimeSpan until = Clock.Now + Grace;
        while (byItself && errorsAreOpen && Clock.Now < until && !(process.HasExited && !Pump(TimeSpan.Zero)))
            Pump(TimeSpan.FromMilliseconds(5));
        bool exited = process.WaitForExit(byItself ? Grace : TimeSpan.Zero);
        Kill();
        string how = !exited ? "was killed"
            : process.ExitCode > 128 ? string.Create(CultureInfo.InvariantCulture, $"was ended by signal {process.ExitCode - 128}")
            : string.Create(CultureInfo.InvariantCulture, $"exited with code {process.ExitCode}");
        return LastWords.Length == 0 ? how : $"{how}; its last words: {LastWords}";
    }

    /// <summary>Whether it ended by itself and says that all is well.</summary>
    public bool ExitedWell() => process.WaitForExit(Grace) && process.ExitCode == 0;

    /// <summary>Lets it end by closing its input, and kills it where it does not.</summary>
    public void Dispose()
    {
        input.Dispose();
        process.WaitForExit(Grace);
        Kill();
        process.Dispose();
    }

    private void Kill()
    {
        // Its group lives on where it has ended itself and left something behind.
        _ = KillGroup(-process.Id, Sigkill);
        if (!process.HasExited)
            process.Kill(entireProcessTree: true);
        process.WaitForExit();
    }

    /// <summary>Moves bytes in every direction that is ready; false where none was until the time was up.</summary>
    private bool Pump(TimeSpan atMost)
    {
        bool writing = sent < pending.Length;
        Span<PollEntry> entries =
        [
            new(outputIsOpen && end < buffer.Length ? output : null, PollIn),
            new(errorsAreOpen ? errors : null, PollIn),
            new(writing ? input : null, PollOut),
        ];
        if (Poll(entries, (nuint)entries.Length, (int)Math.Ceiling(atMost.TotalMilliseconds)) <= 0)
            return false;
        if (entries[0].Happened)
            ReadOutput();
        if (entries[1].Happened)
            ReadErrors();
        if (entries[2].Happened)
        {
            int count = Math.Min(WriteSize, pending.Length - sent);
            nint written = Write(input, pending.AsSpan(sent, count), (nuint)count);
            sent = written < 0 ? pending.Length : sent + (int)written;
        }

        return true;
    }

    private void ReadOutput()
    {
        nint count = Read(output, buffer.AsSpan(end), (nuint)(buffer.Length - end));
        end += (int)Math.Max(count, 0);
        outputIsOpen = count > 0;
    }

    private void ReadErrors()
    {
        Span<byte> some = stackalloc byte[LastWordsLength];
        int count = (int)Read(errors, some, LastWordsLength);
        errorsAreOpen = count > 0;
        if (count <= 0)
            return;
        int kept = Math.Min(lastWordsCount, LastWordsLength - count);
        lastWords.AsSpan(lastWordsCount - kept, kept).CopyTo(lastWords);
        some[..count].CopyTo(lastWords.AsSpan(kept));
        lastWordsCount = kept + count;
    }

    private static string? Find(string program) =>
        program.Contains('/', StringComparison.Ordinal)
            ? File.Exists(program) ? Path.GetFullPath(program) : null
            : (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
                .Select(folder => Path.Combine(folder, program))
                .FirstOrDefault(File.Exists);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollEntry(SafePipeHandle? handle, short wanted)
    {
        // poll passes over negative descriptors
        public int Descriptor = handle is null ? -1 : (int)handle.DangerousGetHandle();
        public short Wanted = wanted;
        public short Came;

        public readonly bool Happened => Descriptor >= 0 && Came != 0;
    }

    [LibraryImport("libc", EntryPoint = "poll")]
    private static partial int Poll(Span<PollEntry> entries, nuint count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint Read(SafePipeHandle from, Span<byte> bytes, nuint count);

    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint Write(SafePipeHandle to, Span<byte> bytes, nuint count);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int KillGroup(int id, int signal);
}
