using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace IommuHarness.Targets.Qemu;

/// <summary>
/// An emulator as a child process that is driven over the qtest protocol: it is started paused, runs no guest code, and does in order
/// what each line says.
/// </summary>
/// <remarks>
/// QEMU does not end when its channel closes, and a hung one ignores everything but SIGKILL. So its parent is a shell that holds one
/// end of a pipe of ours and kills it, by its id, when the pipe closes: when we say so and when we are gone, however we went. It has a
/// session of its own, so that Ctrl-C at a terminal reaches us alone.
/// </remarks>
internal sealed class QtestProcess : IDisposable
{
    private const string Nurse =
        """trap '' INT TERM; setsid "$@" </dev/null >&2 & child=$!; echo $child; exec 1>&-; cat >/dev/null; kill -KILL $child; wait $child 2>/dev/null""";

    /// <summary>Answers that may be on their way at once: less than what its channel holds, so that neither side waits for the other.</summary>
    private const int MostInFlight = 512;

    private const int StandardErrorKept = 4096;

    /// <summary>How long one answer may take.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);

    private readonly Process nurse;
    private readonly Socket channel;
    private readonly StringBuilder standardError = new();
    private readonly byte[] received = new byte[1 << 16];
    private int receivedFrom;
    private int receivedTo;
    private ulong[] answers = new ulong[256];

    private QtestProcess(Process nurse, Socket channel, int id) => (this.nurse, this.channel, Id) = (nurse, channel, id);

    /// <summary>The emulator's process id.</summary>
    public int Id { get; }

    /// <summary>The end of what the emulator wrote to its standard error.</summary>
    public string LastWords
    {
        get
        {
            lock (standardError)
                return standardError.ToString().Trim();
        }
    }

    /// <summary>What a command of the last batch answered; 0 where it only said that it was done.</summary>
    public ulong Answer(int number) => answers[number];

    /// <summary>Starts an emulator.</summary>
    /// <param name="program">Its name, found along the PATH.</param>
    /// <param name="arguments">Everything but the channel.</param>
    /// <exception cref="TargetStartException">It ends or stays silent instead of connecting.</exception>
    public static QtestProcess Start(string program, IEnumerable<string> arguments)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("iommu-verify-");
        try
        {
            string path = Path.Combine(folder.FullName, "qtest");
            using Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            listener.Bind(new UnixDomainSocketEndPoint(path));
            listener.Listen(1);
            ProcessStartInfo start = new("sh") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
            foreach (string argument in (IEnumerable<string>)["-c", Nurse, "sh", program, .. arguments, "-qtest", "unix:" + path, "-qtest-log", "none"])
                start.ArgumentList.Add(argument);
            Process nurse = Process.Start(start) ?? throw new TargetStartException($"could not be started: {program}");
            int id = int.Parse(nurse.StandardOutput.ReadLine() ?? "0", CultureInfo.InvariantCulture);
            return Connect(program, nurse, listener, id);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static QtestProcess Connect(string program, Process nurse, Socket listener, int id)
    {
        for (TimeSpan waited = TimeSpan.Zero; waited < Deadline; waited += TimeSpan.FromMilliseconds(50))
        {
            if (listener.Poll(TimeSpan.FromMilliseconds(50), SelectMode.SelectRead))
            {
                Socket channel = listener.Accept();
                channel.ReceiveTimeout = channel.SendTimeout = (int)Deadline.TotalMilliseconds;
                QtestProcess started = new(nurse, channel, id);
                _ = started.CollectStandardError();
                return started;
            }

            if (!Directory.Exists($"/proc/{id}"))
                break;
        }

        End(nurse);
        string said = nurse.StandardError.ReadToEnd().Trim();
        throw new TargetStartException($"could not be started: {program} ended or did not connect{(said.Length == 0 ? "" : ": " + said)}");
    }

    private async Task CollectStandardError()
    {
        char[] buffer = new char[1024];
        while (await nurse.StandardError.ReadAsync(buffer).ConfigureAwait(false) is > 0 and int count)
        {
            lock (standardError)
            {
                standardError.Append(buffer, 0, count);
                if (standardError.Length > StandardErrorKept)
                    standardError.Remove(0, standardError.Length - StandardErrorKept);
            }
        }
    }

    /// <summary>Sends every command of a batch and waits for all answers.</summary>
    /// <exception cref="EmulatorLostException">It died, or one answer took longer than the deadline.</exception>
    public void Exchange(QtestBatch batch)
    {
        if (answers.Length < batch.Count)
            answers = new ulong[batch.Count * 2];
        int sent = 0;
        int read = 0;
        try
        {
            while (read < batch.Count)
            {
                int send = Math.Min(batch.Count - sent, MostInFlight - (sent - read));
                if (send > 0)
                    SendAll(batch.Lines(sent, sent += send));
                // half of what is on its way, so that the other half keeps the emulator busy meanwhile
                int until = sent == batch.Count ? sent : (read + sent + 1) / 2;
                for (; read < until; read++)
                    answers[read] = ReadAnswer(batch, read, until);
            }
        }
        catch (SocketException e)
        {
            throw Lost(e.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock, read);
        }
    }

    private void SendAll(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
            bytes = bytes[channel.Send(bytes)..];
    }

    private EmulatorLostException Lost(bool silent, int answered)
    {
        if (!silent)
            nurse.WaitForExit(TimeSpan.FromMilliseconds(1));
        return new(silent, answered, LastWords);
    }

    private ulong ReadAnswer(QtestBatch batch, int number, int until)
    {
        ReadOnlySpan<byte> line;
        do
            line = ReadLine(number, until - number);
        while (line.StartsWith("IRQ "u8));
        if (!line.StartsWith("OK"u8))
            throw new InvalidOperationException($"qtest answered \"{Encoding.ASCII.GetString(line)}\" to \"{batch.Text(number)}\"");
        return line.StartsWith("OK 0x"u8)
            ? ulong.Parse(line[5..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)
            : 0;
    }

    /// <summary>Wakes up when so many answers may have come, of three bytes at least each, and not for every one: each wake-up costs as much as a command.</summary>
    private void WaitFor(int answerCount)
    {
        const int SocketLevel = 1;
        const int LowWaterMark = 18;
        int least = Math.Clamp(answerCount * 3 - (receivedTo - receivedFrom), 1, received.Length / 4);
        channel.SetRawSocketOption(SocketLevel, LowWaterMark, BitConverter.GetBytes(least));
    }

    private ReadOnlySpan<byte> ReadLine(int number, int answerCount)
    {
        while (true)
        {
            int length = received.AsSpan(receivedFrom..receivedTo).IndexOf((byte)'\n');
            if (length >= 0)
            {
                ReadOnlySpan<byte> line = received.AsSpan(receivedFrom, length);
                receivedFrom += length + 1;
                return line;
            }

            received.AsSpan(receivedFrom..receivedTo).CopyTo(received);
            (receivedFrom, receivedTo) = (0, receivedTo - receivedFrom);
            WaitFor(answerCount);
            int count = channel.Receive(received.AsSpan(receivedTo));
            if (count == 0)
                throw Lost(silent: false, number);
            receivedTo += count;
        }
    }

    /// <summary>Kills the emulator and waits until it is gone.</summary>
    public void Dispose()
    {
        channel.Dispose();
        End(nurse);
        nurse.Dispose();
    }

    private static void End(Process nurse)
    {
        nurse.StandardInput.Close();
        nurse.WaitForExit(Deadline);
    }
}
