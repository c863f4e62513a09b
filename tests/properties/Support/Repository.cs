namespace IommuVerify.Tests.Properties.Support;

/// <summary>Where the files of the repository are.</summary>
internal static class Repository
{
    /// <summary>The folder of Verify.sln, upwards from the test's assembly.</summary>
    public static string Root { get; } = Find(AppContext.BaseDirectory);

    private static string Find(string folder)
    {
        for (DirectoryInfo? at = new(folder); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "Verify.sln")))
                return at.FullName;
        }

        throw new InvalidOperationException($"no Verify.sln above {folder}");
    }
}
