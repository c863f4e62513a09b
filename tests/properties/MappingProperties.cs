using IommuVerify.Tests.Properties.Support;

namespace IommuVerify.Tests.Properties;

public class MappingProperties
{
    [SpecProperty]
    public bool Fscheck_runs(int x) => x - x == 0;
}
