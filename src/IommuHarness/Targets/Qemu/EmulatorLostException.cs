namespace IommuHarness.Targets.Qemu;

/// <summary>The emulator died or stopped answering.</summary>
/// <param name="silent">It still runs and does not answer.</param>
/// <param name="answered">Commands of the batch that it answered before.</param>
/// <param name="lastWords">The end of what it wrote to its standard error.</param>
internal sealed class EmulatorLostException(bool silent, int answered, string lastWords)
    : Exception($"the emulator {(silent ? "does not answer" : "died")}{(lastWords.Length == 0 ? "" : ": " + lastWords)}")
{
    public bool Silent => silent;

    public int Answered => answered;
}
