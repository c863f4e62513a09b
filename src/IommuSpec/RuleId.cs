namespace IommuSpec;

/// <summary>Every rule, by family and number. The sentence, the source and the text of each stand in Rules/.</summary>
public enum RuleId
{
    // mapping: what map, unmap and look-up promise
    Map1, Map2, Map3, Map4, Map5, Map6, Map7, Map8, Map9, Map10, Map11, Map12, Map13, Map14, Map15,

    // translation: what a device's access becomes
    Trn1, Trn2, Trn3, Trn4, Trn5, Trn6, Trn7, Trn8,

    // invalidation: how long an old answer may be used
    Inv1, Inv2, Inv3, Inv4, Inv5, Inv6, Inv7,

    // table walk: what an entry means
    Wlk1, Wlk2, Wlk3, Wlk4, Wlk5, Wlk6, Wlk7,

    // device context: which tables a device uses
    Ctx1, Ctx2, Ctx3, Ctx4, Ctx5, Ctx6, Ctx7, Ctx8, Ctx9, Ctx10,

    // faults: what is recorded
    Flt1, Flt2, Flt3, Flt4, Flt5,

    // injected failures
    Inj1,
}
