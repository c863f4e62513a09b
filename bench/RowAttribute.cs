namespace IommuVerify.Bench;

/// <summary>A benchmark that is a row of the report; one without this attribute is only compared with.</summary>
/// <param name="what">The operation, as the report calls it.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RowAttribute(string what) : Attribute
{
    public string What => what;

    /// <summary>Method of the same class: bare loads, or plain stores and clears, of as much memory. No checks.</summary>
    public string? Limit { get; init; }

    /// <summary>Method of the same class: a single-format loop with the same checks, written by hand.</summary>
    public string? ByHand { get; init; }

    /// <summary>The row has no counterpart in the collections of the class library.</summary>
    public bool WithoutCollections { get; init; }
}
