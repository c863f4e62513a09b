using IommuSpec;

namespace IommuHarness.Targets.Qemu;

/// <summary>A running emulator of one machine, with its memory.</summary>
internal sealed class Emulator : IDisposable
{
    private readonly QtestProcess process;
    private readonly QtestBatch batch = new();

    private Emulator(QtestProcess process, GuestMemory memory) => (this.process, Memory) = (process, memory);

    public GuestMemory Memory { get; }

    /// <summary>An empty batch; always the same one.</summary>
    public QtestBatch Batch()
    {
        batch.Clear();
        return batch;
    }

    /// <summary>Its process id.</summary>
    public int Id => process.Id;

    /// <summary>Starts one and sets its board up.</summary>
    /// <exception cref="TargetStartException">It is not installed, or does not start.</exception>
    public static Emulator Start(QemuMachine machine)
    {
        if (!IsInstalled(machine.Program))
        {
            throw new TargetStartException(
                $"could not be started: {machine.Program} is not installed; install the package {machine.Package} (QEMU 10 or newer: Debian trixie, or bookworm-backports)");
        }

        GuestMemory memory = new(machine.MemoryLength);
        try
        {
            Emulator started = new(QtestProcess.Start(machine.Program, machine.Arguments(memory.FileName)), memory);
            QtestBatch batch = new();
            machine.SetUp(batch);
            started.Exchange(batch);
            memory.Unlink();
            return started;
        }
        catch (EmulatorLostException e)
        {
            memory.Dispose();
            throw new TargetStartException($"could not be started: {machine.Program}: {e.Message}", e);
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    /// <summary>Whether a program is there to be started.</summary>
    public static bool IsInstalled(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => folder.Length > 0 && File.Exists(Path.Combine(folder, program)));

    /// <summary>Sends a batch and waits for its answers, which the process then has.</summary>
    /// <exception cref="EmulatorLostException">It died or is silent.</exception>
    public QtestProcess Exchange(QtestBatch batch)
    {
        process.Exchange(batch);
        return process;
    }

    /// <summary>The process, with the answers of the batch that went on last, as far as they came.</summary>
    public QtestProcess Answers => process;

    public void Dispose()
    {
        process.Dispose();
        Memory.Dispose();
    }
}
