using System.Runtime.CompilerServices;

namespace IommuSpec;

/// <summary>Marks the function or arm that is a rule.</summary>
/// <param name="id">Its id, family and number.</param>
/// <param name="sentence">What it says, one sentence in the present tense.</param>
/// <param name="file">Filled in by the compiler.</param>
/// <param name="line">Filled in by the compiler.</param>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Property | AttributeTargets.Field, AllowMultiple = true)]
public sealed class RuleAttribute(RuleId id, string sentence, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) : Attribute
{
    public RuleId Id => id;

    public string Sentence => sentence;

    /// <summary>Document and section.</summary>
    public required string Source { get; init; }

    /// <summary>Path of the source file as the compiler saw it.</summary>
    public string File => file;

    public int Line => line;
}

/// <summary>A small immutable set of rules.</summary>
public readonly record struct RuleSet(ulong Low, ulong High)
{
    public static readonly RuleSet None;

    public static RuleSet Of(RuleId id) => (int)id < 64 ? new(1UL << (int)id, 0) : new(0, 1UL << ((int)id - 64));

    public static RuleSet operator |(RuleSet a, RuleSet b) => new(a.Low | b.Low, a.High | b.High);

    public static RuleSet operator |(RuleSet a, RuleId b) => a | Of(b);

    public bool Contains(RuleId id) => (this & Of(id)) != None;

    public static RuleSet operator &(RuleSet a, RuleSet b) => new(a.Low & b.Low, a.High & b.High);

    public IEnumerable<RuleId> Ids()
    {
        RuleSet self = this;
        return Enum.GetValues<RuleId>().Where(self.Contains);
    }
}

/// <summary>Text form of rule ids.</summary>
public static class RuleIds
{
    /// <summary>"INV-2" for the rule named Inv2.</summary>
    public static string Text(this RuleId id)
    {
        string name = id.ToString();
        int digits = name.TakeWhile(c => !char.IsAsciiDigit(c)).Count();
        return name[..digits].ToUpperInvariant() + "-" + name[digits..];
    }
}
