using Backend.Features.Sessions;
using Backend.Platform.Audit;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Bench.Ceilings;
using Bench.Load;
using Npgsql;

namespace Bench.Rows;

/// <summary>P13: sign-ins through WeChat's exchange, with their session and audit rows, against the bare writing of those rows.</summary>
internal sealed class SignIns : Row
{
    public override string Id => "P13";

    public override string Work => "微信登录";

    public override async Task<IReadOnlyList<Result>> MeasureAsync(Stage stage, bool warmUp, CancellationToken cancellation)
    {
        var district = stage.Small;
        await district.ExecuteAsync($"""
            create schema if not exists bench; grant usage on schema bench to backend_app;
            drop table if exists bench.staff; create table bench.staff as
                select (row_number() over (order by a.id) - 1)::int as n, a.id::text as account from accounts a where a.name ~ '^后台\d+$';
            alter table bench.staff add primary key (n); grant select on bench.staff to backend_app
            """, cancellation);
        await using var source = new NpgsqlDataSourceBuilder(district.App.ConnectionString).Build();
        await using var db = OwnerContext.Create(source);
        var (someone, me) = (district.Staff[0].Account, new CurrentAccount());
        me.Enter("signInWithWeChat", null, [], Scope.Nobody);
        me.Become(someone);
        var writing = await PgBench.WriteAsync(stage, "sign-in", "select account from bench.staff where n = :n", Seeding.Staff,
            [
                ScopedCommands.WriteScope(me.Current),
                .. SignInWithWeChat.Commands(Guid.CreateVersion7(), someone, "", TimeProvider.System.GetUtcNow(), new AuditWriter(me, db, new AppDataSource(source), new HttpContextAccessor(), new AuditSigner(new AuditKeys(stage.Secrets.Audit)))),
            ],
            new Dictionary<string, string>
            {
                ["account"] = ":account",
                ["id"] = "gen_random_uuid()",
                ["entry"] = "gen_random_uuid()",
                ["hash"] = "decode(md5(random()::text), 'hex')",
                ["now"] = "now()",
                ["end"] = "now() + interval '30 days'",
            }, cancellation);
        var signIn = await Wrk.WriteAsync(stage, "sign-in", Enumerable.Range(0, Seeding.Staff).Select(number =>
        {
            var body = $$"""{"code":"{{WeChatAnswers.CodeOf(Seeding.StaffOpenId(number), "{n}")}}"}""";
            return $"POST /api/v1/sessions/wechat HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {body.Length - "{n}".Length + 10}\r\n\r\n{body}";
        }), cancellation);

        var turn = stage.Options.Turn;
        var (product, ceiling) = await InTurnsAsync(stage.Options.Turns,
            async () => (await signIn.RunAsync(district.Address, turn, cancellation)).PerSecond,
            async () => (await writing.RunAsync(district, turn, cancellation)).PerSecond);
        return [Result.OfRates(Id, "sign-in with WeChat", 0.40, "pgbench writing the same rows", ceiling, product)];
    }
}
