using System.Collections.Immutable;
using System.CommandLine;
using IommuHarness.Mutants;
using IommuHarness.Report;

namespace IommuVerify;

/// <summary><c>mutants</c>: does the chain catch implementations that are wrong on purpose?</summary>
internal static class MutantsVerb
{
    private static readonly Argument<string[]> Names = new("names")
    {
        Description = "Mutants, by the names of their files in mutants/; all without it",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private static readonly Option<string> Seed = Settings.Seed();
    private static readonly Option<string> Format = Settings.Format();

    private static readonly Option<string?> Cases = new("--cases")
    {
        Description = $"Generated scenarios, all platforms together, within which a mutant has to be killed; {MutantTrial.CaseLimit} without it",
        HelpName = "COUNT",
    };

    private static readonly Option<string?> Seeds = new("--seeds")
    {
        Description = "So many seeds one after the other, from --seed on: a line gives the middle and the worst; 1 without it",
        HelpName = "COUNT",
    };

    public static Command Create()
    {
        Command command = new("mutants", "Checks variants of the implementation that are wrong on purpose, and says what gave each away")
        {
            Names, Cases, Seed, Seeds, Format,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        bool json = Settings.IsJson(parsed.GetRequiredValue(Format));
        ulong seed = Settings.Seed(parsed.GetRequiredValue(Seed));
        int seedCount = Settings.Seeds(parsed.GetValue(Seeds)) ?? 1;
        long caseLimit = Settings.Cases(parsed.GetValue(Cases)) ?? MutantTrial.CaseLimit;
        Repository repository = Repository.Find();
        string[] names = parsed.GetValue(Names) ?? [];
        ImmutableArray<MutantPatch> patches = [.. (names is [] ? repository.MutantNames() : [.. names]).Select(repository.ReadMutant)];
        ImmutableSortedDictionary<string, string> sources = repository.ImplementationSources();

        ImmutableArray<MutantFate>.Builder fates = ImmutableArray.CreateBuilder<MutantFate>();
        if (!json)
            Console.Out.Write(MutantsReport.Head);
        using Invocation invocation = new();
        foreach (MutantPatch patch in patches.TakeWhile(_ => !invocation.Cancel.IsCancellationRequested))
        {
            using MutantTarget target = MutantTarget.Load(patch, sources);
            ImmutableArray<MutantFate> ofPatch =
                [.. Enumerable.Range(0, seedCount).Select(i => MutantTrial.Run(patch, target, unchecked(seed + (ulong)i), caseLimit))];
            fates.AddRange(ofPatch);
            if (!json)
                Console.Out.Write(MutantsReport.Row(ofPatch));
        }

        ImmutableArray<MutantFate> all = fates.DrainToImmutable();
        Console.Out.Write(json ? MutantsReport.Json(seed, seedCount, all) : MutantsReport.Summary(all, seedCount));
        return all.All(fate => fate.IsAsWanted) ? ExitCode.Conforms : ExitCode.Diverges;
    }
}
