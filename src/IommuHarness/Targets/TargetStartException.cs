namespace IommuHarness.Targets;

/// <summary>A target that is known but could not be started (exit code 4).</summary>
public sealed class TargetStartException(string target, string why, Exception? inner = null)
    : Exception($"target {target} could not be started: {why}", inner)
{
    public string Target => target;
}
