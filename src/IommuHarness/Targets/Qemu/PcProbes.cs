using System.Globalization;
using IommuSpec;

namespace IommuHarness.Targets.Qemu;

/// <summary>
/// Devices on a PC's buses that make single requests when their registers are written, and see what came of them: for each requester
/// id a bridge to conventional PCI, which gives its own id to the requests of everything behind it, and behind that one device that
/// only reads and one that only writes.
/// </summary>
/// <remarks>
/// The writer is QEMU's rocker, whose test register fills four bytes at any 64-bit address. The reader is an HD Audio controller:
/// running its command ring over one entry reads four bytes at any multiple of four and sends them, as a verb, to a codec. Memory is
/// filled with verbs that set the codec's stream format to a number that tells one place from another; the format is then read by
/// programmed input and output. Sources: PCI Local Bus 3.0, 6.1; PCI-to-PCI Bridge 1.2, 3.2; Intel High Definition Audio 1.0a, 3.3, 4.4.1,
/// 7.3.3.8; QEMU docs/specs/rocker.rst, hw/net/rocker.
/// </remarks>
internal static class PcProbes
{
    /// <summary>What the writer writes.</summary>
    public const uint Written = 0x96969696;

    /// <summary>Places that one read can tell apart.</summary>
    public const int PlaceCount = 0xffff;

    private const ulong FirstWindow = 0xe000_0000;
    private const ulong WindowLength = 0x10_0000;

    // offsets in a device's window
    private const ulong WriterTables = 0x2000;
    private const ulong Reader = 0x8000;

    // rocker's registers
    private const ulong WriteAddress = 0x28;
    private const ulong WriteSize = 0x30;
    private const ulong WriteControl = 0x34;
    private const uint Fill = 2;

    // HD Audio's registers
    private const ulong GlobalControl = 0x08;
    private const ulong RingBase = 0x40;
    private const ulong RingWritePointer = 0x48;
    private const ulong RingReadPointer = 0x4a;
    private const ulong RingControl = 0x4c;
    private const ulong ResponseCount = 0x5a;
    private const ulong ImmediateCommand = 0x60;
    private const ulong ImmediateResponse = 0x64;
    private const ulong ImmediateStatus = 0x68;

    /// <summary>Node 2 is the codec's only converter: set its stream format, and get it.</summary>
    private const uint SetFormat = 2 << 20 | 0x2 << 16;
    private const uint GetFormat = 2 << 20 | 0xa << 16;

    /// <summary>A ring has 256 entries of four bytes and begins at a multiple of 128.</summary>
    private const int RingAlignment = 128;

    // PCI configuration registers
    private const int Command = 0x04;
    private const int Base0 = 0x10;
    private const int Base1 = 0x14;
    private const int BusNumbers = 0x18;
    private const int MemoryWindow = 0x20;
    private const int PrefetchableWindow = 0x24;
    private const uint MemoryAndBusMaster = 6;
    private const int WriterDevice = 1 << 3;
    private const int ReaderDevice = 2 << 3;

    /// <summary>
    /// Device slots that there are: two on one bus that differ in the highest bit of the device number alone, one on another bus, and one
    /// more function of the first. Each costs the emulator time whenever translation is turned on or off: it makes all devices' maps of
    /// memory anew.
    /// </summary>
    public const int SlotCount = 4;

    public static bool Has(int slot) => slot < SlotCount;

    /// <summary>Whether a probe's registers are at a physical address.</summary>
    public static bool IsRegister(ulong physical) => physical is >= FirstWindow and < FirstWindow + WindowLength * SlotCount;

    /// <summary>The word of memory that tells a reader where it is.</summary>
    /// <param name="place">1 to <see cref="PlaceCount"/>.</param>
    public static uint Mark(int place) => SetFormat | (uint)place;

    // ---- the command line

    /// <summary>The devices, for the command line.</summary>
    public static IEnumerable<string> Arguments()
    {
        yield return "-audiodev";
        yield return "none,id=silence";
        foreach (int bus in Slots.Select(Bus).Distinct().Where(bus => bus != 0))
        {
            yield return "-device";
            yield return Text($"pxb-pcie,id=root{bus},bus=pcie.0,bus_nr={bus},addr={0x12 + (bus & 7):x}.0");
        }

        foreach (string device in Slots.SelectMany(Devices))
        {
            yield return "-device";
            yield return device;
        }
    }

    private static IEnumerable<string> Devices(int slot)
    {
        int id = Platform.RequesterId(slot);
        string where = Bus(slot) == 0 ? "pcie.0" : Text($"root{Bus(slot)}");
        yield return Text($"pci-bridge,id=bridge{slot},bus={where},addr={id >> 3 & 31:x2}.{id & 7},multifunction=on,chassis_nr={slot + 1},shpc=off");
        yield return Text($"rocker,bus=bridge{slot},addr=01.0,name=writer{slot}");
        yield return Text($"intel-hda,id=reader{slot},bus=bridge{slot},addr=02.0");
        yield return Text($"hda-output,bus=reader{slot}.0,cad=0,audiodev=silence,mixer=off");
    }

    private static string Text(FormattableString value) => value.ToString(CultureInfo.InvariantCulture);

    private static IEnumerable<int> Slots => Enumerable.Range(0, SlotCount);

    private static int Bus(int slot) => Platform.RequesterId(slot) >> 8;

    // ---- once, after the start

    /// <summary>Gives buses their numbers, bridges their windows, devices their addresses and the codecs' readers their state.</summary>
    public static void SetUp(QtestBatch batch)
    {
        foreach (int slot in Slots)
        {
            int bus = Bus(slot);
            int function = Platform.RequesterId(slot) & 0xff;
            int behind = SecondaryBus(slot);
            ulong window = Window(slot);
            Configure(batch, bus, function, BusNumbers, (uint)(bus | behind << 8 | behind << 16));
            Configure(batch, bus, function, MemoryWindow, (uint)(window >> 16 & 0xfff0 | window & 0xfff0_0000));
            Configure(batch, bus, function, PrefetchableWindow, 0x0000_fff0);
            Configure(batch, bus, function, Command, MemoryAndBusMaster);
            Configure(batch, behind, WriterDevice, Base0, (uint)window);
            Configure(batch, behind, WriterDevice, Base1, (uint)(window + WriterTables));
            Configure(batch, behind, WriterDevice, Command, MemoryAndBusMaster);
            Configure(batch, behind, ReaderDevice, Base0, (uint)(window + Reader));
            Configure(batch, behind, ReaderDevice, Command, MemoryAndBusMaster);
            batch.Write32(window + WriteSize, 4);
            ulong reader = window + Reader;
            batch.Write32(reader + GlobalControl, 1);
            batch.Write16(reader + ResponseCount, 0xff);
            batch.Write8(reader + RingControl, 2);
            batch.Write32(reader + ImmediateCommand, GetFormat);
        }

        OpenLowMemory(batch);
    }

    /// <summary>Bus numbers that no root bus has.</summary>
    private static int SecondaryBus(int slot) => (Bus(slot) == 0 ? 0x40 : Bus(slot) == 1 ? 0x10 : 0xa0) + slot;

    private static ulong Window(int slot) => FirstWindow + WindowLength * (ulong)slot;

    /// <summary>Between 768 KiB and 1 MiB there is memory behind the firmware's shadow. Source: Intel 3 Series chipset family, PAM0 to PAM6.</summary>
    private static void OpenLowMemory(QtestBatch batch)
    {
        const int Pam0 = 0x90;
        for (int register = Pam0; register <= Pam0 + 6; register++)
        {
            batch.Out32(ConfigAddress, Enable | (uint)(register & ~3));
            batch.Out8((ushort)(ConfigData + (register & 3)), register == Pam0 ? (byte)0x30 : (byte)0x33);
        }
    }

    private const ushort ConfigAddress = 0xcf8;
    private const ushort ConfigData = 0xcfc;
    private const uint Enable = 1u << 31;

    private static void Configure(QtestBatch batch, int bus, int function, int register, uint value)
    {
        batch.Out32(ConfigAddress, Enable | (uint)bus << 16 | (uint)function << 8 | (uint)register);
        batch.Out32(ConfigData, value);
    }

    // ---- requests

    /// <summary>Writes <see cref="Written"/> to a multiple of four.</summary>
    public static void Write(QtestBatch batch, int slot, ulong iova)
    {
        batch.Write64(Window(slot) + WriteAddress, iova);
        batch.Write32(Window(slot) + WriteControl, Fill);
    }

    /// <summary>Makes a reader forget what it read.</summary>
    public static void Forget(QtestBatch batch, int slot)
    {
        ulong reader = Window(slot) + Reader;
        batch.Write32(reader + ImmediateCommand, SetFormat);
        batch.Write16(reader + ImmediateStatus, 1);
        batch.Write32(reader + ImmediateCommand, GetFormat);
    }

    /// <summary>Reads four bytes at a multiple of four.</summary>
    /// <returns>The number of the command whose answer is the place that was read last, this time or before; 0 where none was since <see cref="Forget"/>.</returns>
    public static int Read(QtestBatch batch, int slot, ulong iova)
    {
        ulong reader = Window(slot) + Reader;
        // the ring's entry 0 is read only after entry 255, so the first of an aligned block is the block before's last
        int entry = (int)(iova % RingAlignment / 4);
        entry = entry == 0 ? RingAlignment / 4 : entry;
        batch.Write64(reader + RingBase, unchecked(iova - (ulong)entry * 4));
        batch.Write16(reader + RingReadPointer, (ushort)(entry - 1));
        batch.Write16(reader + RingWritePointer, (ushort)entry);
        batch.Write16(reader + ImmediateStatus, 1);
        return batch.Read32(reader + ImmediateResponse);
    }
}
