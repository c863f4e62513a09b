using System.Collections.Immutable;
using System.CommandLine;
using IommuHarness.Mutants;
using IommuHarness.Report;
using IommuSpec;

namespace IommuVerify;

/// <summary><c>rules</c>: what the rules say, where they are written, what pins them down.</summary>
internal static class RulesVerb
{
    private static readonly Argument<string?> Prefix = new("prefix")
    {
        Description = "A family (INV) or a rule (INV-2); all without it",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<string> Format = Settings.Format();

    public static Command Create()
    {
        Command command = new("rules", "Prints rules: id, sentence, source, file and line, litmus files, mutants") { Prefix, Format };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        bool json = Settings.IsJson(parsed.GetRequiredValue(Format));
        Repository.TryFind(out Repository? repository);
        ImmutableArray<RuleEntry> all = RuleBook.Read(repository);
        string prefix = parsed.GetValue(Prefix) ?? "";
        ImmutableArray<RuleEntry> wanted = [.. all.Where(rule => Matches(rule.Id.Text(), prefix))];
        if (wanted.IsEmpty)
        {
            string families = string.Join(", ", all.Select(rule => rule.Id.Text().Split('-')[0]).Distinct());
            throw Settings.Wrong("rules", $"a family ({families}) or a rule", prefix);
        }

        Console.Out.Write(json ? RulesJson.Of(wanted) : RulesText.Of(wanted));
        return ExitCode.Conforms;
    }

    // INV-1 is the rule and not INV-10; INV and INV- are the family.
    private static bool Matches(string id, string prefix) => prefix.Length > 0 && char.IsAsciiDigit(prefix[^1])
        ? id.Equals(prefix, StringComparison.OrdinalIgnoreCase)
        : id.StartsWith(prefix, StringComparison.OrdinalIgnoreCase);
}
