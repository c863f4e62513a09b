namespace IommuSpec;

/// <summary>Everything that the past of a run means for its future.</summary>
public sealed record State(Platform Platform);
