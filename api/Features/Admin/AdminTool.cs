using Backend.Platform;
using Backend.Platform.Audit;
using Backend.Platform.Persistence;
using Npgsql;

namespace Backend.Features.Admin;

/// <summary>What the operator's commands share: how they reach the database, and what they say when they cannot.</summary>
internal static class AdminTool
{
    /// <summary>Runs a command. A configuration or a database that does not let it is said in one line, and the exit code is 2.</summary>
    public static async Task<int> TryAsync(string purpose, TextWriter error, Func<Task<int>> run)
    {
        try
        {
            return await run();
        }
        catch (StartRefused e)
        {
            await error.WriteLineAsync($"无法{purpose}：{e.Reason}");
        }
        catch (NpgsqlException e)
        {
            await error.WriteLineAsync($"无法{purpose}：{DatabaseFaults.NameOf(e)}。");
        }

        return 2;
    }

    /// <summary>As one of the database's roles, <c>Owner</c> or <c>Worker</c>, by its connection string.</summary>
    /// <exception cref="StartRefused">There is none, or it is no connection string.</exception>
    public static NpgsqlDataSource ConnectAs(string role, IConfiguration configuration) =>
        new NpgsqlDataSourceBuilder(PersistenceRegistration.Parse(role, configuration.GetConnectionString(role)).ConnectionString).Build();

    /// <summary>A change as <c>backend_owner</c>: one transaction with its signed audit entry (AU01). Exit code 0: done; 1: refused; 2: not possible.</summary>
    /// <param name="configuration">The service's own, and <c>ConnectionStrings:Owner</c>.</param>
    /// <param name="operation">Its name in the audit.</param>
    /// <param name="change">What it does: the ids it touched and what to say on standard output, or why not.</param>
    /// <param name="output">Takes what the command answers, and nothing else does: it may be a secret.</param>
    /// <param name="error">Takes refusals.</param>
    /// <param name="cancellation">Ends the command.</param>
    public static Task<int> ChangeAsync(
        IConfiguration configuration, string operation, Func<BackendDb, Task<(Guid[]? Touched, string Said)>> change, TextWriter output, TextWriter error, CancellationToken cancellation) =>
        TryAsync("执行", error, async () =>
        {
            var signer = new AuditSigner(new AuditKeys(AuditOptions.Of(configuration)));
            await using var source = ConnectAs("Owner", configuration);
            await using var db = OwnerContext.Create(source);
            await db.BeginAsync(cancellation);
            var (touched, said) = await change(db);
            if (touched is null)
            {
                await error.WriteLineAsync(said);
                return 1;
            }

            db.AuditEntries.Add(signer.Sign(new AuditEntry
            {
                Id = Guid.CreateVersion7(db.Now),
                Operation = operation,
                TargetIds = touched,
                Result = AuditWriter.Done,
                CorrelationId = $"{Guid.CreateVersion7(db.Now):N}",
            }));
            await db.CommitAsync(cancellation);
            await output.WriteLineAsync(said);
            return 0;
        });
}
