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

    public static Command Create()
    {
        Command command = new("mutants", "Checks variants of the implementation that are wrong on purpose, and says what gave each away")
        {
            Names, Cases, Seed, Format,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        bool json = Settings.IsJson(parsed.GetRequiredValue(Format));
        ulong seed = Settings.Seed(parsed.GetRequiredValue(Seed));
        long caseLimit = Settings.Cases(parsed.GetValue(Cases)) ?? MutantTrial.CaseLimit;
        Repository repository = Repository.Find();
        string[] names = parsed.GetValue(Names) ?? [];
        ImmutableArray<MutantPatch> patches = [.. (names is [] ? repository.MutantNames() : [.. names]).Select(repository.ReadMutant)];
        ImmutableSortedDictionary<string, string> sources = repository.ImplementationSources();

        ImmutableArray<MutantFate>.Builder fates = ImmutableArray.CreateBuilder<MutantFate>(patches.Length);
        if (!json)
            Console.Out.Write(MutantsReport.Head);
        using Invocation invocation = new();
        foreach (MutantPatch patch in patches.TakeWhile(_ => !invocation.Cancel.IsCancellationRequested))
        {
            using MutantTarget target = MutantTarget.Load(patch, sources);
            fates.Add(MutantTrial.Run(patch, target, seed, caseLimit));
            if (!json)
                Console.Out.Write(MutantsReport.Row(fates[^1]));
        }

        ImmutableArray<MutantFate> all = fates.DrainToImmutable();
        Console.Out.Write(json ? MutantsReport.Json(seed, all) : MutantsReport.Summary(all));
        return all.All(fate => fate.IsAsWanted) ? ExitCode.Conforms : ExitCode.Diverges;
    }
}
