namespace Backend.Platform.Persistence.Migrations;

/// <summary>Hand-written SQL of a migration, kept as a file beside it so that it can be read as SQL.</summary>
internal static class SqlFile
{
    public static string Read(string name)
    {
        using var stream = typeof(SqlFile).Assembly.GetManifestResourceStream($"Backend.Platform.Persistence.Migrations.{name}")
            ?? throw new InvalidOperationException($"{name} is not embedded.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
