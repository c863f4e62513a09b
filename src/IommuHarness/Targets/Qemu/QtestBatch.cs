using System.Text;

namespace IommuHarness.Targets.Qemu;

/// <summary>
/// Commands of the qtest protocol, one line each, that are sent together. What a command answers is read by its number. Source: QEMU,
/// system/qtest.c, the protocol's description.
/// </summary>
internal sealed class QtestBatch
{
    private byte[] text = new byte[4096];
    private int length;
    private int[] ends = new int[256];

    /// <summary>Commands so far; the number of the next one.</summary>
    public int Count { get; private set; }

    public void Clear() => length = Count = 0;

    /// <summary>The bytes of the commands from one number up to, not including, another.</summary>
    public ReadOnlySpan<byte> Lines(int first, int end) => text.AsSpan((first == 0 ? 0 : ends[first - 1])..(end == 0 ? 0 : ends[end - 1]));

    // ---- memory as processors see it: guest memory and the registers of devices

    public int Read32(ulong address) => Line("readl"u8, address);

    public int Read64(ulong address) => Line("readq"u8, address);

    public void Write8(ulong address, byte value) => Line("writeb"u8, address, value);

    public void Write16(ulong address, ushort value) => Line("writew"u8, address, value);

    public void Write32(ulong address, uint value) => Line("writel"u8, address, value);

    public void Write64(ulong address, ulong value) => Line("writeq"u8, address, value);

    // ---- input and output ports of a PC

    public int In32(ushort port) => Line("inl"u8, port);

    public void Out8(ushort port, byte value) => Line("outb"u8, port, value);

    public void Out32(ushort port, uint value) => Line("outl"u8, port, value);

    private int Line(ReadOnlySpan<byte> command, ulong address, ulong? value = null)
    {
        const int Longest = 48;
        if (text.Length - length < Longest)
            Array.Resize(ref text, text.Length * 2);
        command.CopyTo(text.AsSpan(length));
        length += command.Length;
        Number(address);
        if (value is { } given)
            Number(given);
        text[length++] = (byte)'\n';
        if (Count == ends.Length)
            Array.Resize(ref ends, ends.Length * 2);
        ends[Count] = length;
        return Count++;
    }

    private void Number(ulong value)
    {
        " 0x"u8.CopyTo(text.AsSpan(length));
        length += 3;
        value.TryFormat(text.AsSpan(length), out int written, "x");
        length += written;
    }

    /// <summary>A command, for a message.</summary>
    public string Text(int number) => Encoding.ASCII.GetString(Lines(number, number + 1)).TrimEnd();
}
