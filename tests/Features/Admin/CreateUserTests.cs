using System.Net.Http.Json;
using Backend.Features.Admin;
using Backend.Platform.Audit;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Features.Admin;

/// <summary>The first administrators come by the command line, and so does the way back when all of them have lost their factors (ID06, ID07).</summary>
public sealed class CreateUserTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>
{
    [Fact]
    public async Task ID06_ID07_the_first_administrator_is_made_invited_and_signs_in_and_an_invitation_is_made_anew()
    {
        await using var api = await Api.StartAsync(fixture.Database);
        var scene = await new Scene(api.Services.GetRequiredService<Vault>()).Place("s.c").SaveAsync(fixture.Database);
        var userName = $"{scene.Top}.first";
        string[] create = ["create-user", "--role", "security_admin", "--name", "首位", "--user-name", userName];
        var (code, output, error) = await RunAsync(create);
        Assert.Equal((0, ""), (code, error));
        var first = output.Trim();
        Assert.Equal(32, first.Length);
        (code, output, error) = await RunAsync(create);
        Assert.Equal((1, ""), (code, output));
        Assert.Contains("已被使用", error, StringComparison.Ordinal);

        (code, output, error) = await RunAsync(["invite", "--user-name", userName]);
        Assert.Equal((0, ""), (code, error));
        var invitation = output.Trim();
        using var client = api.Anonymous();
        // The commands run by the clock of the machine; the api's stands still.
        await fixture.Database.ExecuteAsync("update staff_invitations set issued_at = $1, expires_at = $2", Api.Noon, Api.Noon.AddDays(7));
        await fixture.Database.ExecuteAsync("update appointments set from_day = $1 where account_id = (select id from accounts where user_name = $2)", PostgresFixture.DemoDay, userName);
        await client.PostAsJsonAsync("/api/v1/staff-invitations/opening", new { invitation = first }).RefusedAsync(422, "invite_invalid");
        var proof = (await client.PostAsJsonAsync("/api/v1/staff-invitations/opening", new { invitation }).OkAsync()).GetProperty("proof").GetString()!;
        await client.PostAsJsonAsync("/api/v1/staff-invitations/acceptance", new { invitation, proof, password = StaffFactors.Word, code = StaffFactors.FirstCode(proof, Api.Noon) }).OkAsync();
        api.Clock.Advance(Totp.Step);
        var signedIn = await client.PostAsJsonAsync("/api/v1/sessions/password",
            new { userName, password = StaffFactors.Word, code = StaffFactors.FirstCode(proof, api.Clock.GetUtcNow()) }).OkAsync();
        client.DefaultRequestHeaders.Authorization = new("Bearer", signedIn.GetProperty("accessToken").GetString());
        Assert.Equal("security_admin", (await client.GetAsync("/api/v1/me").OkAsync()).GetProperty("roles")[0].GetString());

        // AU01: what the operator did is in the chain like anything else.
        foreach (var operation in (string[])["createUser", "inviteUser"])
            Assert.Equal(1, await fixture.Database.ScalarAsync<long>("select count(*) from audit_entries where operation = $1 and result = 'done' and mac is not null and account_id is null", operation));
        await api.Services.GetRequiredService<AuditSealer>().PassAsync(default);
        var worker = new Dictionary<string, string?>(fixture.Database.Settings());
        Assert.Equal(0, (await RunAsync(["verify-audit"], worker)).Code);
    }

    [Theory]
    [InlineData("--role", "staff")]
    [InlineData("--user-name", "Not A Name")]
    public async Task ID07_what_makes_no_sense_is_refused_before_anything_is_done(string option, string value)
    {
        string[] words = ["create-user", "--role", "security_admin", "--name", "首位", "--user-name", "somebody"];
        words[Array.IndexOf(words, option) + 1] = value;
        var (code, output, error) = await RunAsync(words);
        Assert.NotEqual(0, code);
        Assert.Contains(option, error + output, StringComparison.Ordinal);
        Assert.Equal(0, await fixture.Database.ScalarAsync<long>("select count(*) from accounts where user_name = 'somebody'"));
    }

    [Fact]
    public async Task ID07_an_unknown_account_and_an_unreachable_database_are_said()
    {
        var (code, output, error) = await RunAsync(["invite", "--user-name", "nobody-at-all"]);
        Assert.Equal((1, ""), (code, output));
        Assert.Contains("没有用户名", error, StringComparison.Ordinal);
        (code, output, error) = await RunAsync(["invite", "--user-name", "nobody-at-all"], new Dictionary<string, string?>());
        Assert.Equal((2, ""), (code, output));
        Assert.Contains("无法执行", error, StringComparison.Ordinal);
    }

    private async Task<(int Code, string Output, string Error)> RunAsync(string[] words, Dictionary<string, string?>? settings = null)
    {
        settings ??= new Dictionary<string, string?>(fixture.Database.Settings()) { ["ConnectionStrings:Owner"] = fixture.Database.Owner };
        var (output, error) = (new StringWriter { NewLine = "\n" }, new StringWriter { NewLine = "\n" });
        return (await AdminCommands.RunAsync(words, output, error, new ConfigurationBuilder().AddInMemoryCollection(settings).Build()), output.ToString(), error.ToString());
    }
}
