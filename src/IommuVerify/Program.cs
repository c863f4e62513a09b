using System.CommandLine;
using IommuVerify;

RootCommand root = new("Checks IOMMU implementations against an executable specification.")
{
    CheckVerb.Create(),
    ReplayVerb.Create(),
    JudgeVerb.Create(),
    ShrinkVerb.Create(),
    ExplainVerb.Create(),
    RulesVerb.Create(),
    WalkVerb.Create(),
    MutantsVerb.Create(),
    ServeVerb.Create(),
};
return Runner.Run(root, args);
