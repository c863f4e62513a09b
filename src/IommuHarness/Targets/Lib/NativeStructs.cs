using System.Runtime.InteropServices;

namespace IommuHarness.Targets.Lib;

// native/iommu_verify.h, member by member; the sizes are asserted there, too.

[StructLayout(LayoutKind.Sequential, Size = 24)]
internal struct NativePlatform
{
    public byte Format;
    public byte Levels;
    public byte Contexts;
    public byte Contract;
    public byte Unmap;
    public byte PhysicalBits;
    public byte IovaBits;
    public byte Widths;
    public byte Pages2M;
    public byte Pages1G;
    public byte CachingMode;
    public byte WidenWriteOnly;
    public byte PromoteSuperpages;
    public byte ReclaimTables;
    public byte SnoopControl;
    public byte DeviceTlb;
    public byte PassThrough;
    public byte FaultCompression;
    public byte NoExecute;
    public byte InterruptWindowReserved;
    public byte FaultRecords;
}

[StructLayout(LayoutKind.Sequential)]
internal struct NativeMemory
{
    public nint Context;
    public nint Read;
    public nint Write;
}

[StructLayout(LayoutKind.Sequential, Size = 48)]
internal struct NativeOp
{
    public ushort Kind;
    public ushort Requester;
    public byte Device;
    public byte Domain;
    public byte Rights;
    public byte Granularity;
    public ushort DomainId;
    public byte Flag;
    public byte Reserved;
    public int Number;
    public ulong Iova;
    public ulong Length;
    public ulong Physical;
    public ulong Value;
}

[StructLayout(LayoutKind.Sequential, Size = 24)]
internal struct NativePiece
{
    public ulong Iova;
    public ulong Physical;
    public uint Length;
    public byte Outcome;
    public byte Reason;
}

[StructLayout(LayoutKind.Sequential)]
internal struct NativeRecord
{
    public ulong Low;
    public ulong High;
}

/// <summary>The beginning of an answer; pieces or records follow it.</summary>
[StructLayout(LayoutKind.Sequential, Size = HeadSize)]
internal struct NativeAnswer
{
    public const int HeadSize = 32;
    public const int Size = 4112;
    public const int MostPieces = 17;
    public const int MostRecords = 255;
    public const ushort NotStopped = 0xffff;

    public ushort Seen;
    public ushort Refusal;
    public uint Count;
    public ulong Value;
    public uint Attached;
    public uint Tables;
    public uint Overflow;
}
