using System.Collections.Immutable;

namespace IommuSpec;

/// <summary>One thing that a target may answer.</summary>
/// <param name="Seen">The answer.</param>
/// <param name="Next">The state afterwards.</param>
/// <param name="Rule">The rule that makes it right before all others.</param>
/// <param name="Rules">Every rule that makes it right.</param>
public sealed record Way(Observation Seen, State Next, RuleId Rule, RuleSet Rules)
{
    public Way(Observation seen, State next, RuleId rule)
        : this(seen, next, rule, RuleSet.Of(rule)) { }
}

/// <summary>
/// What the specification lets a target answer: a non-empty set of ways. A judge asks <see cref="Match"/>; a mock picks from
/// <see cref="Ways"/>; a reader is shown <see cref="Describe"/>.
/// </summary>
public abstract record Allowed
{
    /// <summary>The way that was taken by a target that answered <paramref name="seen"/>; null where the answer is not allowed.</summary>
    public abstract Way? Match(Observation seen);

    /// <summary>Ways in a fixed order, never none; where there are very many, enough of them to show every choice.</summary>
    public abstract IEnumerable<Way> Ways();

    /// <summary>The rule that a wrong answer breaks, as far as this step alone can tell.</summary>
    public abstract RuleId Broken(Observation seen);

    /// <summary>What is allowed, in words a person reads beside what was seen; one line a choice.</summary>
    public abstract ImmutableArray<string> Describe();

    /// <summary>The one right answer.</summary>
    public static Allowed Only(Observation seen, State next, RuleId rule) => new OneOf(new(seen, next, rule), []);

    /// <summary>Declined, and nothing changes.</summary>
    public static Allowed Refused(State state, Refusal why, RuleId rule) => Only(new Observation.Refused(why), state, rule);

    /// <summary>The plain way, and others that are freedom.</summary>
    public sealed record OneOf(Way Plain, ImmutableArray<Way> Others) : Allowed
    {
        public override Way? Match(Observation seen)
        {
            if (Plain.Seen == seen)
                return Plain;
            foreach (Way way in Others)
            {
                if (way.Seen == seen)
                    return way;
            }
            return null;
        }

        public override IEnumerable<Way> Ways() => [Plain, .. Others];

        // Memory that runs out by itself is nobody's choice but INJ-1's.
        public override RuleId Broken(Observation seen) =>
            seen is Observation.Refused { Why: Refusal.NoMemory } ? RuleId.Inj1 : Plain.Rule;

        public override ImmutableArray<string> Describe() => [.. Ways().Select(way => $"{Words.Of(way.Seen)}  ({way.Rule.Text()})")];

        public OneOf Or(Way way) => this with { Others = Others.Add(way) };
    }

    /// <summary>An audit: bytes and devices are known, the number of tables is the implementation's, down to a floor of none where nothing needs one.</summary>
    /// <param name="Least">What is held, with the fewest tables.</param>
    /// <param name="TablesAreFree">Any number of tables is right.</param>
    /// <param name="Next">The state afterwards.</param>
    public sealed record Holding(Observation.Holding Least, bool TablesAreFree, State Next) : Allowed
    {
        public override Way? Match(Observation seen) =>
            seen is Observation.Holding held && held with { TableCount = 0 } == Least && (TablesAreFree ? held.TableCount >= 0 : held.TableCount == 0)
                ? new(seen, Next, RuleId.Map15)
                : null;

        public override IEnumerable<Way> Ways() => [new(Least, Next, RuleId.Map15)];

        public override RuleId Broken(Observation seen) => RuleId.Map15;

        public override ImmutableArray<string> Describe() =>
            [$"{Words.Of(Least)}{(TablesAreFree ? " or more tables" : "")}  ({RuleId.Map15.Text()})"];
    }
}
