using System.Runtime.InteropServices;
using IommuHarness.Check;
using IommuHarness.Report;
using IommuHarness.Targets;

namespace IommuVerify;

/// <summary>How this program was started, and being asked to stop.</summary>
internal sealed class Invocation : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly List<PosixSignalRegistration> signals = [];

    /// <summary>From here on, the first Ctrl-C or termination request ends the work and lets the report be printed; a second one kills.</summary>
    public Invocation()
    {
        foreach (PosixSignal signal in (PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM])
        {
            signals.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = !source.IsCancellationRequested;
                source.Cancel();
            }));
        }
    }

    /// <summary>What a person types to start this program: the script at the repository's root says when it was that.</summary>
    public static string Command => Environment.GetEnvironmentVariable("IOMMU_VERIFY_COMMAND") is { Length: > 0 } script ? script : "iommu-verify";

    public CancellationToken Cancel => source.Token;

    /// <summary>Gives a target back what it holds.</summary>
    public static void End(ITarget target) => (target as IDisposable)?.Dispose();

    /// <summary>Writes a finding's history and says what it is.</summary>
    public static KeptFinding Keep(Finding finding, string folder, ITarget target) =>
        CheckReport.Keep([finding], folder, target.Name, Command)[0];

    public void Dispose()
    {
        signals.ForEach(signal => signal.Dispose());
        source.Dispose();
    }
}
