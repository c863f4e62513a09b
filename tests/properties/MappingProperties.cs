using FsCheck.Xunit;

namespace IommuVerify.Tests.Properties;

public class MappingProperties
{
    [Property(Replay = "1,3")]
    public bool Fscheck_runs(int x) => x - x == 0;
}
