namespace IommuSpec;

/// <summary>The specification: what may be answered to an operation in a state.</summary>
public static class Spec
{
    /// <summary>The state before the first operation.</summary>
    public static State Start(Platform platform) => new(platform);

    /// <summary>What a target may answer. Total: every operation has an answer in every state.</summary>
    public static Allowed Step(State state, Op op) => throw new InvalidOperationException($"{state} {op}");
}
