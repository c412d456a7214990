namespace Backend.Tests.Support;

/// <summary>A folder of one test, gone with it.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("backend-test-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
