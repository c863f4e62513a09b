using Xunit;

namespace IommuVerify.Tests.Repository;

public class DependencyTests
{
    [Fact]
    public void Placeholder_for_the_first_build() => Assert.Equal(4, 2 + 2);
}
