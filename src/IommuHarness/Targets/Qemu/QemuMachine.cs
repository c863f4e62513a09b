using System.Collections.Immutable;
using IommuSpec;

namespace IommuHarness.Targets.Qemu;

/// <summary>What an operation's commands answer comes to, once all of them were answered.</summary>
internal delegate Observation Reading(QtestProcess process);

/// <summary>
/// One kind of emulated IOMMU, with the reference driver that turns operations into table writes, register programming and
/// invalidation commands. A further kind is one more class: it knows its registers and encodings from its manual, and nothing of the
/// specification's or the implementation's.
/// </summary>
internal abstract class QemuMachine
{
    /// <summary>The name of its platform.</summary>
    public abstract string Name { get; }

    /// <summary>The emulator's program.</summary>
    public abstract string Program { get; }

    /// <summary>The package that has it.</summary>
    public abstract string Package { get; }

    /// <summary>Bytes of guest memory from physical address 0 without a hole.</summary>
    public abstract long MemoryLength { get; }

    /// <summary>The command line, but for the channel.</summary>
    /// <param name="memoryFile">The file that guest memory is.</param>
    public abstract IEnumerable<string> Arguments(string memoryFile);

    /// <summary>Whatever the board needs before the first scenario.</summary>
    public abstract void SetUp(QtestBatch batch);

    /// <summary>Reads what it can do from its registers.</summary>
    /// <param name="exchange">Sends a batch and waits for its answers.</param>
    public abstract Platform ReadPlatform(Func<QtestBatch, QtestProcess> exchange);

    /// <summary>The first commands of a scenario.</summary>
    /// <param name="batch">To add to.</param>
    /// <param name="free">Gives a granule of memory that the scenario has nothing to do with.</param>
    public abstract void Begin(QtestBatch batch, Func<ulong> free);

    /// <summary>The last commands of a scenario: everything as it was before the first, whatever happened.</summary>
    public abstract void End(QtestBatch batch);

    /// <summary>Before an access: whatever was put off until somebody could see it.</summary>
    public abstract void BeforeAccess(QtestBatch batch);

    /// <summary>Adds what an operation other than an access, a store or a load is to this machine; null where it has no such operation.</summary>
    public abstract Reading? Lower(QtestBatch batch, Op op);

    /// <summary>Whether a word may be stored at all: one that may not could make a table of a device's registers.</summary>
    public abstract bool MayStore(ulong value);

    protected static Reading Unsupported => _ => Observation.Unsupported.Instance;

    protected static Reading Done => _ => Observation.Done.Instance;

    protected static Reading Refused(Refusal why) => _ => new Observation.Refused(why);
}
