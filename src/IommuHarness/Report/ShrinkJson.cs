namespace IommuHarness.Report;

/// <summary>What shrinking came to, as JSON.</summary>
public static class ShrinkJson
{
    public static string Conforms(string target) => JsonText.Object(json =>
    {
        json.WriteString("verdict", "conforms");
        json.WriteString("target", target);
        json.WriteNull("finding");
    });

    public static string Of(string target, KeptFinding kept) => JsonText.Object(json =>
    {
        json.WriteString("verdict", "diverges");
        json.WriteString("target", target);
        json.Object("finding", part => CheckJson.WriteFinding(part, kept));
    });
}
