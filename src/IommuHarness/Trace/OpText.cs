using System.Collections.Frozen;
using IommuSpec;

namespace IommuHarness.Trace;

/// <summary>Operations as text: one a line, without the line's end.</summary>
public static class OpText
{
    private const ulong LastByte = byte.MaxValue;

    private static readonly (string Word, Func<Cursor, Op> Read)[] Readers =
    [
        ("attach", Attach),
        ("detach", c => new Op.Detach(c.Device())),
        ("map", Map),
        ("unmap", Unmap),
        ("free", c => new Op.FreeDomain(c.Domain())),
        ("lookup", c => new Op.Lookup(c.Domain(), Iova(c))),
        ("invalidate", Invalidate),
        ("read", c => Access(c, AccessKind.Read)),
        ("write", c => Access(c, AccessKind.Write)),
        ("poke", Poke),
        ("peek", c => new Op.Peek(Physical(c))),
        ("program", Program),
        ("unprogram", c => new Op.Unprogram(c.Device())),
        ("root-table", c => new Op.SetRootTable(Physical(c))),
        ("translation", Translation),
        ("flush-contexts", FlushContexts),
        ("flush-iotlb", FlushIotlb),
        ("drain-faults", _ => new Op.DrainFaults()),
        ("fail-next", c => new Op.FailNext(c.Int("the number of an allocation"))),
        ("audit", _ => new Op.Audit()),
    ];

    private static readonly FrozenDictionary<string, Func<Cursor, Op>> ReaderOf =
        Readers.ToFrozenDictionary(row => row.Word, row => row.Read, StringComparer.Ordinal);

    private static readonly string Known = Words.List([.. Readers.Select(row => row.Word)]);

    /// <summary>The operation's line.</summary>
    public static string Write(Op op) => op switch
    {
        Op.Attach a => $"attach d{a.Device} dom{a.Domain}",
        Op.AttachIdentity a => $"attach d{a.Device} identity",
        Op.Detach d => $"detach d{d.Device}",
        Op.Map m => $"map dom{m.Domain} 0x{m.Iova:x} len 0x{m.Length:x} to 0x{m.Physical:x} {RightsText.Write(m.Rights)}",
        Op.Unmap u => $"unmap dom{u.Domain} 0x{u.Iova:x} len 0x{u.Length:x}",
        Op.UnmapAll u => $"unmap dom{u.Domain} all",
        Op.FreeDomain f => $"free dom{f.Domain}",
        Op.Lookup l => $"lookup dom{l.Domain} 0x{l.Iova:x}",
        Op.Invalidate i => $"invalidate dom{i.Domain} 0x{i.Iova:x} len 0x{i.Length:x}",
        Op.InvalidateDomain i => $"invalidate dom{i.Domain} all",
        Op.InvalidateAll => "invalidate all",
        Op.Access a => $"{Words<AccessKind>.Of(a.Kind)} d{a.Device} 0x{a.Iova:x} len 0x{a.Length:x}",
        Op.Poke p => $"poke 0x{p.Physical:x} value 0x{p.Value:x}",
        Op.Peek p => $"peek 0x{p.Physical:x}",
        Op.Program p => $"program d{p.Device} root 0x{p.Root:x} did 0x{p.DomainId:x}",
        Op.Unprogram u => $"unprogram d{u.Device}",
        Op.SetRootTable s => $"root-table 0x{s.Physical:x}",
        Op.SetTranslation s => s.On ? "translation on" : "translation off",
        Op.FlushContexts f => Write(f),
        Op.FlushIotlb f => Write(f),
        Op.DrainFaults => "drain-faults",
        Op.FailNext f => $"fail-next {f.Index}",
        Op.Audit => "audit",
        _ => throw new ArgumentOutOfRangeException(nameof(op), op, "an operation without a text form"),
    };

    private static string Write(Op.FlushContexts f) => f.Granularity switch
    {
        FlushGranularity.Global => "flush-contexts all",
        FlushGranularity.Domain => $"flush-contexts did 0x{f.DomainId:x}",
        _ => $"flush-contexts did 0x{f.DomainId:x} d{f.Device} mask {f.FunctionMask}",
    };

    private static string Write(Op.FlushIotlb f) => f.Granularity switch
    {
        FlushGranularity.Global => "flush-iotlb all",
        FlushGranularity.Domain => $"flush-iotlb did 0x{f.DomainId:x}",
        _ => $"flush-iotlb did 0x{f.DomainId:x} at 0x{f.Address:x} pages-lg2 {f.SizeLg2Pages}{(f.LeafOnly ? " leaf-only" : "")}",
    };

    /// <summary>Reads a line to its end.</summary>
    internal static Op Read(Cursor c)
    {
        Token word = c.Next();
        if (!ReaderOf.TryGetValue(word.Text, out Func<Cursor, Op>? read))
            throw c.Error($"an operation ({Known}), an answer (=) or a verdict", word);
        Op op = read(c);
        c.End();
        return op;
    }

    private static Op Attach(Cursor c)
    {
        int device = c.Device();
        return c.Take("identity") ? new Op.AttachIdentity(device) : new Op.Attach(device, c.Domain());
    }

    private static Op.Map Map(Cursor c)
    {
        int domain = c.Domain();
        ulong iova = Iova(c);
        ulong length = Length(c);
        c.Keyword("to");
        return new(domain, iova, length, Physical(c), RightsText.Read(c));
    }

    private static Op Unmap(Cursor c)
    {
        int domain = c.Domain();
        return c.Take("all") ? new Op.UnmapAll(domain) : new Op.Unmap(domain, Iova(c), Length(c));
    }

    private static Op Invalidate(Cursor c)
    {
        if (c.Take("all"))
            return new Op.InvalidateAll();
        int domain = c.Domain();
        return c.Take("all") ? new Op.InvalidateDomain(domain) : new Op.Invalidate(domain, Iova(c), Length(c));
    }

    private static Op.Access Access(Cursor c, AccessKind kind) => new(c.Device(), kind, Iova(c), Length(c));

    private static Op.Poke Poke(Cursor c)
    {
        ulong physical = Physical(c);
        c.Keyword("value");
        return new(physical, c.Number("a value"));
    }

    private static Op.Program Program(Cursor c)
    {
        int device = c.Device();
        c.Keyword("root");
        return new(device, Physical(c), DomainId(c));
    }

    private static Op.SetTranslation Translation(Cursor c)
    {
        Token token = c.Next();
        return token.Text is "on" or "off" ? new(token.Text == "on") : throw c.Error("on or off", token);
    }

    private static Op.FlushContexts FlushContexts(Cursor c)
    {
        if (c.Take("all"))
            return new(FlushGranularity.Global, 0, 0, 0);
        ushort id = DomainId(c);
        if (c.Peek().IsEnd)
            return new(FlushGranularity.Domain, id, 0, 0);
        int device = c.Device();
        c.Keyword("mask");
        return new(FlushGranularity.Selective, id, device, (int)c.Number("a function mask", LastByte));
    }

    private static Op.FlushIotlb FlushIotlb(Cursor c)
    {
        if (c.Take("all"))
            return new(FlushGranularity.Global, 0, 0, 0, false);
        ushort id = DomainId(c);
        if (c.Peek().IsEnd)
            return new(FlushGranularity.Domain, id, 0, 0, false);
        c.Keyword("at");
        ulong address = Iova(c);
        c.Keyword("pages-lg2");
        int size = (int)c.Number("log2 of the page count", LastByte);
        return new(FlushGranularity.Selective, id, address, size, c.Take("leaf-only"));
    }

    private static ulong Iova(Cursor c) => c.Number("an IOVA");

    private static ulong Physical(Cursor c) => c.Number("a physical address");

    private static ulong Length(Cursor c)
    {
        c.Keyword("len");
        return c.Number("a length");
    }

    private static ushort DomainId(Cursor c)
    {
        c.Keyword("did");
        return (ushort)c.Number("a domain id", ushort.MaxValue);
    }
}

/// <summary>The text of rights: letters, then attributes, in a fixed order, so that equal rights have equal texts.</summary>
internal static class RightsText
{
    private static readonly string[] Texts = [.. Enumerable.Range(0, (int)Last + 1).Select(bits => Build((Rights)bits))];

    private const Rights Last = Rights.Read | Rights.Write | Rights.Cache | Rights.NoExec | Rights.Mmio | Rights.Priv;

    public static string Write(Rights rights) => Texts[(int)rights];

    public static Rights Read(Cursor c)
    {
        Token token = c.Next();
        int bits = Array.IndexOf(Texts, token.Text);
        return bits >= 0 ? (Rights)bits : throw c.Error("rights (none, r, w or rw, then of +cache +noexec +mmio +priv in this order)", token);
    }

    private static string Build(Rights rights)
    {
        string letters = (rights & (Rights.Read | Rights.Write)) switch
        {
            Rights.None => "none",
            Rights.Read => "r",
            Rights.Write => "w",
            _ => "rw",
        };
        return letters + Attribute(Rights.Cache, "+cache") + Attribute(Rights.NoExec, "+noexec")
            + Attribute(Rights.Mmio, "+mmio") + Attribute(Rights.Priv, "+priv");

        string Attribute(Rights attribute, string text) => rights.HasFlag(attribute) ? text : "";
    }
}
