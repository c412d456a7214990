using System.CommandLine;
using Backend.Platform;
using Backend.Platform.Realtime;

namespace Backend.Features.Admin;

/// <summary>
/// <c>admin check-config</c>: says all that a start would refuse in the configuration, without starting and without asking the database or anybody else
/// (RL23). Exit code 0: nothing; 1: something, each on a line of standard error, without the values.
/// </summary>
internal static class CheckConfig
{
    public static Command Command(IConfiguration? given)
    {
        var command = new Command("check-config", "检查设置：与启动时相同，但不启动服务，也不连接数据库");
        command.SetAction((parsed, _) => RunAsync(given, parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error));
        return command;
    }

    private static async Task<int> RunAsync(IConfiguration? given, TextWriter output, TextWriter error)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        if (given is not null) builder.Configuration.AddConfiguration(given);
        builder.AddPlatform();
        builder.Services.AddRealtime(builder.Configuration);
        await using var app = builder.Build();
        var refusals = app.Services.GetRequiredService<StartupChecks>().Refusals().Select(r => r.Reason).Distinct().ToList();
        foreach (var refusal in refusals) await error.WriteLineAsync(refusal);
        if (refusals.Count > 0) return 1;
        await output.WriteLineAsync("设置没有问题。数据库、角色与行级安全在启动时检查。");
        return 0;
    }
}
