using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using IommuHarness.Trace;
using IommuSpec;

namespace IommuHarness.Targets.Lib;

/// <summary>
/// A shared library with the interface of native/iommu_verify.h, loaded into this process: what it does wrong to memory, it does to
/// this process. Not for several threads at once.
/// </summary>
public sealed unsafe class LibTarget : IStepTarget, IDisposable
{
    private const uint Interface = 1;
    private const int DoesNotPlay = 2;

    private readonly nint library;
    private readonly delegate* unmanaged[Cdecl]<NativePlatform*, NativeMemory*, nint*, int> open;
    private readonly delegate* unmanaged[Cdecl]<nint, NativeOp*, byte*, void> step;
    private readonly delegate* unmanaged[Cdecl]<nint, void> close;
    private readonly Dictionary<ulong, ulong> words = [];
    private readonly Dictionary<Platform, bool> supported = [];
    private readonly byte[] answer = GC.AllocateArray<byte>(NativeAnswer.Size, pinned: true);
    private readonly NativeMemory* memory;
    private GCHandle self;

    private LibTarget(string name, string path, nint library)
    {
        Name = name;
        this.library = library;
        open = (delegate* unmanaged[Cdecl]<NativePlatform*, NativeMemory*, nint*, int>)Export(path, "iommu_verify_open");
        step = (delegate* unmanaged[Cdecl]<nint, NativeOp*, byte*, void>)Export(path, "iommu_verify_step");
        close = (delegate* unmanaged[Cdecl]<nint, void>)Export(path, "iommu_verify_close");
        if (NativeLibrary.TryGetExport(library, "iommu_verify_version", out nint version))
            Version = Marshal.PtrToStringUTF8(((delegate* unmanaged[Cdecl]<nint>)version)());
        self = GCHandle.Alloc(this);
        memory = (NativeMemory*)NativeMemoryBlock();
    }

    public string Name { get; }

    public string? Version { get; }

    public Exception? LastCrash { get; private set; }

    /// <summary>Loads a library.</summary>
    /// <param name="name">What it is called in reports.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="InputException">There is no such file.</exception>
    /// <exception cref="TargetStartException">It is no library, or not one with this interface.</exception>
    public static LibTarget Load(string name, string path)
    {
        if (!File.Exists(path))
            throw new InputException(path, 0, 0, "a shared library", "no file of that name");
        nint library;
        try
        {
            library = NativeLibrary.Load(Path.GetFullPath(path));
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw new TargetStartException($"{name} could not be loaded: {e.Message.ReplaceLineEndings(" ")}", e);
        }

        nint interfaceOf = NativeLibrary.TryGetExport(library, "iommu_verify_interface", out nint export) ? export : 0;
        uint built = interfaceOf == 0
            ? throw new TargetStartException($"{name} could not be loaded: it does not export iommu_verify_interface (native/iommu_verify.h)")
            : ((delegate* unmanaged[Cdecl]<uint>)interfaceOf)();
        return built == Interface
            ? new LibTarget(name, path, library)
            : throw new TargetStartException($"{name} could not be loaded: built for interface {built}, and {Interface} is the only one there is");
    }

    public bool Supports(Platform platform)
    {
        if (!supported.TryGetValue(platform, out bool known))
        {
            nint instance = Open(platform, out int how);
            if (instance != 0)
                close(instance);
            supported.Add(platform, known = how != DoesNotPlay);
        }

        return known;
    }

    public ImmutableArray<Observation> Run(Scenario scenario)
    {
        LastCrash = null;
        ImmutableArray<Observation>.Builder answers = ImmutableArray.CreateBuilder<Observation>(scenario.Ops.Length);
        try
        {
            foreach (Observation seen in Answers(scenario))
                answers.Add(seen);
        }
        catch (LibException e)
        {
            LastCrash = e;
            answers.Add(Observation.Crashed.Instance);
        }

        return answers.DrainToImmutable();
    }

    public IEnumerable<Observation> Answers(Scenario scenario)
    {
        nint instance = Open(scenario.Platform, out int how);
        if (how == DoesNotPlay)
            throw new LibException("no instance of a platform that it plays");
        try
        {
            foreach (Op op in scenario.Ops)
                yield return how == 1 && op is Op.Poke or Op.Peek ? AnswerMemory(scenario.Platform, op) : Step(instance, op);
        }
        finally
        {
            Close(instance);
        }
    }

    public void Dispose()
    {
        if (!self.IsAllocated)
            return;
        self.Free();
        Marshal.FreeHGlobal((nint)memory);
        NativeLibrary.Free(library);
    }

    private nint Open(Platform platform, out int how)
    {
        how = DoesNotPlay;
        if (NativeWords.Declared(platform) is not { } native)
            return 0;
        words.Clear();
        nint instance = 0;
        how = open(&native, memory, &instance);
        return how is >= 0 and <= DoesNotPlay ? instance : throw new LibException($"{how} from iommu_verify_open; 0 to 2 were expected");
    }

    private void Close(nint instance) => close(instance);

    private Observation Step(nint instance, Op op)
    {
        NativeOp native = NativeWords.Operation(op);
        answer.AsSpan(0, NativeAnswer.HeadSize).Clear();
        answer.AsSpan(NativeAnswer.HeadSize, NativeAnswer.MostPieces * sizeof(NativePiece)).Clear();
        step(instance, &native, (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(answer)));
        return NativeWords.Answer(answer);
    }

    // What a word of memory may be asked is the same for everybody who leaves the memory to us.
    private Observation AnswerMemory(Platform platform, Op op)
    {
        ulong physical = op is Op.Poke poke ? poke.Physical : ((Op.Peek)op).Physical;
        if (physical % 8 != 0)
            return new Observation.Refused(Refusal.Misaligned);
        if (physical >> platform.PhysicalBits != 0)
            return new Observation.Refused(Refusal.TooWide);
        if (op is not Op.Poke store)
            return new Observation.Word(words.GetValueOrDefault(physical));
        words[physical] = store.Value;
        return Observation.Done.Instance;
    }

    private nint NativeMemoryBlock()
    {
        nint block = Marshal.AllocHGlobal(sizeof(NativeMemory));
        *(NativeMemory*)block = new()
        {
            Context = GCHandle.ToIntPtr(self),
            Read = (nint)(delegate* unmanaged[Cdecl]<nint, ulong, ulong>)&ReadWord,
            Write = (nint)(delegate* unmanaged[Cdecl]<nint, ulong, ulong, void>)&WriteWord,
        };
        return block;
    }

    private nint Export(string path, string symbol) => NativeLibrary.TryGetExport(library, symbol, out nint export)
        ? export
        : throw new TargetStartException($"lib:{path} could not be loaded: it does not export {symbol} (native/iommu_verify.h)");

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static ulong ReadWord(nint context, ulong physical) => Of(context).words.GetValueOrDefault(physical);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void WriteWord(nint context, ulong physical, ulong value) => Of(context).words[physical] = value;

    private static LibTarget Of(nint context) => (LibTarget)GCHandle.FromIntPtr(context).Target!;
}
