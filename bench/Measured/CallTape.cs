using System.Collections.Immutable;
using IommuHarness.Corpus;
using IommuHarness.Mutants;
using IommuImpl;
using IommuSpec;

namespace IommuVerify.Bench;

/// <summary>What a recorded call asks for.</summary>
public enum CallKind
{
    Attach,
    Map,
    Unmap,
    Free,
}

/// <summary>A recorded call as plain numbers, so that nothing but the call is timed.</summary>
public readonly record struct TapeCall
{
    public required CallKind Kind { get; init; }

    public required int Domain { get; init; }

    public ushort Device { get; init; }

    public ulong Iova { get; init; }

    /// <summary>Bytes.</summary>
    public ulong Length { get; init; }

    public ulong Physical { get; init; }

    public IommuImpl.Rights Rights { get; init; }

    /// <summary>Where a contestant without page tables keeps the run's entries in one flat array.</summary>
    public int Slot { get; init; }

    public int PageCount => (int)(Length >> 12);

    /// <summary>First address with the domain above it: one number a byte of all domains.</summary>
    public ulong First => (ulong)Domain << 48 | Iova;
}

/// <summary>One recording and the IOMMU that it was made for.</summary>
public sealed record CallTape(IommuOptions Options, ImmutableArray<TapeCall> Calls)
{
    /// <summary>The recordings of the corpus in order of their names, cut off after <paramref name="count"/> calls.</summary>
    public static ImmutableArray<CallTape> Load(int count)
    {
        var tapes = ImmutableArray.CreateBuilder<CallTape>();
        var folder = Path.Combine(Repository.Find().Root, "corpus", "captures");
        foreach (var path in Directory.EnumerateFiles(folder, "*.calls").Order(StringComparer.Ordinal))
        {
            var slots = new Slots();
            var calls = CallsFile.Load(path).Calls.Take(count).Select(call => slots.Place(Plain(call.Op)));
            tapes.Add(new CallTape(OptionsOf(CallsJudge.PlatformBeside(path)), [.. calls]));
            count -= tapes[^1].Calls.Length;
        }

        return count == 0 ? tapes.ToImmutable() : throw new InvalidOperationException($"The corpus has {count} calls too few.");
    }

    private static TapeCall Plain(Op op) => op switch
    {
        Op.Attach o => new TapeCall { Kind = CallKind.Attach, Domain = o.Domain, Device = (ushort)o.Device },
        Op.Map o => new TapeCall { Kind = CallKind.Map, Domain = o.Domain, Iova = o.Iova, Length = o.Length, Physical = o.Physical, Rights = (IommuImpl.Rights)o.Rights },
        Op.Unmap o => new TapeCall { Kind = CallKind.Unmap, Domain = o.Domain, Iova = o.Iova, Length = o.Length },
        Op.FreeDomain o => new TapeCall { Kind = CallKind.Free, Domain = o.Domain },
        _ => throw new InvalidOperationException($"A recording holds {op}."),
    };

    // Recordings come from kernels: its contract and its unmap policy are what the options say anyway.
    private static IommuOptions OptionsOf(Platform platform) => new()
    {
        Format = platform.Format == IommuSpec.TableFormat.X86FirstStage ? IommuImpl.TableFormat.X86FirstStage : IommuImpl.TableFormat.VtdSecondStage,
        Levels = platform.LevelCount,
        Pages2M = platform.Pages2M,
        Pages1G = platform.Pages1G,
        PhysicalBits = platform.PhysicalBits,
        IovaBits = platform.IovaBits,
        WidenWriteOnly = platform.WidenWriteOnly,
    };

    /// <summary>Gives each run that is mapped a place in one flat array; unmaps find it again.</summary>
    private sealed class Slots
    {
        private readonly Dictionary<ulong, int> _byPage = [];
        private int _used;

        public TapeCall Place(TapeCall call)
        {
            if (call.Kind == CallKind.Map)
            {
                for (var i = 0; i < call.PageCount; i++)
                    _byPage[(call.First >> 12) + (ulong)i] = _used + i;
                _used += call.PageCount;
                return call with { Slot = _used - call.PageCount };
            }

            return call.Kind == CallKind.Unmap ? call with { Slot = _byPage.GetValueOrDefault(call.First >> 12) } : call;
        }
    }
}
