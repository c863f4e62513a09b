using IommuSpec;

namespace IommuHarness.Check;

/// <summary>An answer that is allowed: the rules that allow it, and where it leads.</summary>
internal sealed class Edge(Observation seen, RuleSet rules)
{
    public Observation Seen => seen;

    public RuleSet Rules => rules;

    /// <summary>The state afterwards; null while nobody has gone on from there.</summary>
    public StateNode? Next { get; set; }

    /// <summary>Another answer to the same operation.</summary>
    public Edge? Other { get; set; }
}

/// <summary>A state of the specification, with the answers that were seen in it.</summary>
internal sealed class StateNode(State state)
{
    private Edge?[] edges = [];

    public State State => state;

    /// <summary>How many different ways led here.</summary>
    public int VisitCount { get; set; }

    /// <summary>The known answer to an operation.</summary>
    public Edge? Find(int op, Observation seen)
    {
        Edge? edge = op < edges.Length ? edges[op] : null;
        while (edge is not null && edge.Seen != seen)
            edge = edge.Other;
        return edge;
    }

    public void Add(int op, Edge edge)
    {
        if (edges.Length <= op)
            Array.Resize(ref edges, op + 1);
        edge.Other = edges[op];
        edges[op] = edge;
    }
}

/// <summary>
/// The states of the specification that were met, each once, by value. What may be answered in a state is worked out the first time
/// that it is asked, however many ways lead there.
/// </summary>
internal sealed class StateGraph
{
    private readonly Dictionary<State, StateNode> nodes = new(StateValues.Instance);

    public StateGraph(State start) => Start = Meet(start);

    public StateNode Start { get; }

    public int Count => nodes.Count;

    /// <summary>The state after an answer; null where the answer is not allowed.</summary>
    public (StateNode Next, RuleSet Rules)? Step(StateNode from, int number, Op op, Observation seen)
    {
        Edge? edge = from.Find(number, seen);
        if (edge?.Next is null)
        {
            if (Spec.Step(from.State, op).Match(seen) is not { } way)
                return null;
            if (edge is null)
                from.Add(number, edge = new Edge(seen, way.Rules));
            edge.Next = Meet(way.Next);
        }

        return (edge.Next, edge.Rules);
    }

    /// <summary>The rules that allow an answer from which nobody will go on; null where it is not allowed.</summary>
    public static RuleSet? Allows(StateNode from, int number, Op op, Observation seen)
    {
        if (from.Find(number, seen) is { } edge)
            return edge.Rules;
        if (Spec.Step(from.State, op).Match(seen) is not { } way)
            return null;
        // Most states of raw tables are met once: to remember a last answer of theirs would only cost memory.
        if (from.VisitCount > 1)
            from.Add(number, new Edge(seen, way.Rules));
        return way.Rules;
    }

    private StateNode Meet(State state)
    {
        if (!nodes.TryGetValue(state, out StateNode? node))
            nodes.Add(state, node = new StateNode(state));
        return node;
    }
}
