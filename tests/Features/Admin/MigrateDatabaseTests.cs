using Backend.Features.Admin;
using Backend.Tests.Support;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Backend.Tests.Features.Admin;

/// <summary>An operator brings a database to this version by one command, and is told in words why not.</summary>
public sealed class MigrateDatabaseTests
{
    [Fact]
    public async Task RL23_an_empty_database_gets_the_schema_and_a_second_time_nothing_is_missing()
    {
        await using var database = await (await PostgresFixture.ClusterAsync()).CreateEmptyAsync();
        var (code, output, error) = await RunAsync(database.Owner);
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("_Initial", output, StringComparison.Ordinal);
        Assert.True(await database.ScalarAsync<bool>("select to_regclass('public.households') is not null"));
        Assert.Equal((0, "数据库结构已是最新。\n", ""), await RunAsync(database.Owner));
    }

    [Theory]
    [InlineData(false, "缺少 ConnectionStrings:Owner")]
    [InlineData(true, "无法升级")]
    public async Task RL23_what_cannot_be_reached_is_said_and_names_no_secret(bool given, string said)
    {
        var nobody = new NpgsqlConnectionStringBuilder { Host = "127.0.0.1", Port = 1, Username = "backend_owner", Password = $"{Guid.CreateVersion7():N}", Timeout = 2 };
        var (code, output, error) = await RunAsync(given ? nobody.ConnectionString : null);
        Assert.Equal((2, ""), (code, output));
        Assert.Contains(said, error, StringComparison.Ordinal);
        Assert.DoesNotContain(nobody.Password, error, StringComparison.Ordinal);
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(string? owner)
    {
        var (output, error) = (new StringWriter { NewLine = "\n" }, new StringWriter { NewLine = "\n" });
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?> { ["ConnectionStrings:Owner"] = owner }).Build();
        return (await AdminCommands.RunAsync(["migrate"], output, error, configuration), output.ToString(), error.ToString());
    }
}
