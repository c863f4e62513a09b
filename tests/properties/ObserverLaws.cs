using System.Collections.Immutable;
using System.Reflection;
using IommuHarness.Generate;
using IommuSpec;
using IommuSpec.Formats;
using IommuSpec.Rules;
using IommuVerify.Tests.Properties.Support;
using Xunit;

namespace IommuVerify.Tests.Properties;

/// <summary>
/// After each store that a map or an unmap makes, a device that walks the tables, by the specification's reading of them, comes where it came before
/// the operation or where it comes after it, and never back again.
/// </summary>
public class ObserverLaws
{
    private const int MostProbes = 12;

    private static readonly Lazy<Assembly> Observed = new(() => ObservedImplementation.Compile((_, text) => text));

    [SpecProperty(MaxTest = 60)]
    public void After_each_store_an_observer_sees_only_the_old_or_the_new(SoftwarePlay play) => Observe(Observed.Value, play);

    [Theory]
    [InlineData("kernel-ss4")]
    [InlineData("kernel-split")]
    [InlineData("kernel-fs4-split")]
    [InlineData("vfio-type1v2")]
    public void Large_pages_are_made_and_cut_without_a_hole(string name) =>
        Assert.Null(Broken(Observed.Value, Platforms.Find(name)!.Platform, LargePages(), out int storeCount) ?? (storeCount > 100 ? null : "too few stores"));

    /// <summary>What the law is worth: a split that empties the large leaf first leaves a hole for as long as one store.</summary>
    [Fact]
    public void A_split_that_takes_the_leaf_away_first_is_seen()
    {
        const string Store = "store.Pool.Entries(table)[slot] = TFormat.TableEntry(";
        Assembly wrong = ObservedImplementation.Compile((path, text) => path.EndsWith("LeafSplitter.cs", StringComparison.Ordinal)
            ? text.Replace(Store, "store.Pool.Entries(table)[slot] = 0;\n" + Store, StringComparison.Ordinal)
            : text);
        Assert.NotNull(Broken(wrong, Platforms.Find("kernel-split")!.Platform, LargePages(), out _));
    }

    private static void Observe(Assembly assembly, SoftwarePlay play) =>
        Assert.Null(Broken(assembly, play.Named.Platform, play.Scenario.Ops.Where(op => op is Op.Map or Op.Unmap or Op.UnmapAll or Op.Invalidate).Take(16), out _));

    private static IEnumerable<Op> LargePages()
    {
        const Rights Both = Rights.Read | Rights.Write;
        const ulong Size = 1UL << 21;
        return
        [
            new Op.Map(0, Size, Size, Size, Both),
            new Op.Map(0, Size - 0x1000, 0x1000, Size - 0x1000, Both),
            new Op.Map(0, 2 * Size, 0x1000, 0x7000, Both),
            new Op.Unmap(0, Size + 0x5000, 0x1000),
            new Op.Unmap(0, Size, 0x1000),
            new Op.UnmapAll(0),
            // small pages that fill a large one, where they may become one; then a large page in an emptied table's place
            new Op.Map(0, Size, Size - 0x1000, Size, Both),
            new Op.Map(0, 2 * Size - 0x1000, 0x1000, 2 * Size - 0x1000, Both),
            new Op.Unmap(0, Size, Size),
            new Op.Unmap(0, 2 * Size - 0x1000, 0x1000),
            new Op.Map(0, Size, Size, 1UL << 30, Both),
            new Op.Unmap(0, Size, Size),
            new Op.Invalidate(0, 0, 1UL << 30),
        ];
    }

    /// <summary>In words where an observer saw what it should not have; null where it did not.</summary>
    private static string? Broken(Assembly assembly, Platform platform, IEnumerable<Op> ops, out int storeCount)
    {
        int count = 0;
        Op[] all = [.. ops];
        PageTableFormat format = PageTableFormat.Of(platform);
        using ObservedImplementation implementation = ObservedImplementation.Start(assembly, platform);
        string? broken = null;
        for (int i = 0; i < all.Length && broken is null; i++)
        {
            Observer[] observers = [.. Probes(all, i).SelectMany(probe => Enum.GetValues<AccessKind>().Select(kind => new Observer(format, platform, probe.Domain, probe.Iova, kind)))];
            Look();
            implementation.Behind = () =>
            {
                count++;
                Look();
            };
            implementation.Apply(all[i]);
            implementation.Behind = null;
            Look();
            broken = observers.FirstOrDefault(observer => observer.Seen.Count > 2) is { } wrong ? $"{all[i]}: {wrong}" : null;

            void Look()
            {
                foreach (Observer observer in observers)
                    observer.Look(implementation);
            }
        }

        storeCount = count;
        return broken;
    }

    /// <summary>The ends of an operation's range and what lies beside them, and those of the operations before it.</summary>
    private static IEnumerable<(int Domain, ulong Iova)> Probes(Op[] ops, int index) => unchecked(
        ops[..(index + 1)].Reverse().SelectMany(op => op switch
        {
            Op.Map o => Around(o.Domain, o.Iova, o.Length),
            Op.Unmap o => Around(o.Domain, o.Iova, o.Length),
            _ => [],
        }).Distinct().Take(MostProbes));

    private static IEnumerable<(int Domain, ulong Iova)> Around(int domain, ulong iova, ulong length) => unchecked(
        [(domain, iova), (domain, iova + length - 1), (domain, iova - 1), (domain, iova + length), (domain, iova + length / 2)]);

    /// <summary>A device's access again and again; what became of it, each change once.</summary>
    private sealed class Observer(PageTableFormat format, Platform platform, int domain, ulong iova, AccessKind kind)
    {
        public List<Outcome> Seen { get; } = [];

        public void Look(ObservedImplementation implementation)
        {
            Outcome outcome = Walk(implementation);
            if (Seen.Count == 0 || Seen[^1] != outcome)
                Seen.Add(outcome);
        }

        public override string ToString() => $"a {kind} of 0x{iova:x} in dom{domain} saw {string.Join(", then ", Seen)}";

        private Outcome Walk(ObservedImplementation implementation)
        {
            // A domain without tables maps nothing; its root, when it comes, is empty.
            if (implementation.Root(domain) is not { } table || !format.InRange(platform.LevelCount, iova))
                return Outcome.Faulted(format.NotMapped(kind));
            for (int level = platform.LevelCount - 1; ; level--)
            {
                ulong entry = implementation.ReadWord(PageTableFormat.EntryAddress(table, level, iova));
                EntryMeaning meaning = TableWalk.Interpret(format, level, entry, kind);
                if (meaning.Kind == EntryKind.Fault)
                    return Outcome.Faulted(meaning.Reason);
                if (meaning.Kind == EntryKind.Leaf)
                    return Outcome.Landed(TableWalk.InPage(meaning.Address, level, iova));
                table = meaning.Address;
            }
        }
    }
}
