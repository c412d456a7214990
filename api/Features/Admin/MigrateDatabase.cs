using System.CommandLine;
using Backend.Platform.Persistence;

namespace Backend.Features.Admin;

/// <summary>
/// <c>admin migrate</c>: brings the database to this version's schema as <c>backend_owner</c> (<c>ConnectionStrings:Owner</c>, which the service itself never
/// reads). Exit code 0: it is there, whether or not anything was missing; 2: it could not be reached or refused.
/// </summary>
internal static class MigrateDatabase
{
    public static Command Command(IConfiguration? given)
    {
        var command = new Command("migrate", "把数据库升级到本版本的结构；已是最新则什么都不做");
        command.SetAction((parsed, cancellation) => RunAsync(
            given ?? Host.CreateApplicationBuilder().Configuration, parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error, cancellation));
        return command;
    }

    private static Task<int> RunAsync(IConfiguration configuration, TextWriter output, TextWriter error, CancellationToken cancellation) =>
        AdminTool.TryAsync("升级", error, async () =>
        {
            var owner = PersistenceRegistration.Parse("Owner", configuration.GetConnectionString("Owner")).ConnectionString;
            var applied = await Migrator.MigrateAsync(owner, cancellation);
            foreach (var migration in applied) await output.WriteLineAsync($"已执行 {migration}");
            await output.WriteLineAsync(applied.Count == 0 ? "数据库结构已是最新。" : $"完成，共 {applied.Count} 项。");
            return 0;
        });
}
