using System.Diagnostics;

namespace IommuHarness.Targets.Qemu;

/// <summary>Which release of the emulator is installed.</summary>
internal static class QemuVersion
{
    /// <summary>The first line of what it says about itself, for example "QEMU emulator version 10.0.2 (Debian …)"; null where it says nothing.</summary>
    public static string? Of(QemuMachine machine)
    {
        if (!Emulator.IsInstalled(machine.Program))
            return null;
        using Process? process = Process.Start(new ProcessStartInfo(machine.Program, "--version") { RedirectStandardOutput = true });
        return process?.StandardOutput.ReadToEnd().Split('\n')[0];
    }
}
