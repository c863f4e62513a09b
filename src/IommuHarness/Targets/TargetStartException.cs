namespace IommuHarness.Targets;

/// <summary>A target that is known but could not be started (exit code 4). The message is one line that names it.</summary>
public sealed class TargetStartException(string message, Exception? inner = null) : Exception(message, inner);
