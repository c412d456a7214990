using Backend.Platform;
using Backend.Platform.Audit;
using Backend.Platform.Persistence;
using Npgsql;

namespace Backend.Features.Admin;

/// <summary>How a command that changes something as <c>backend_owner</c> runs: one transaction with its signed audit entry (AU01). Exit code 0: done; 1: refused; 2: not possible.</summary>
internal static class AdminTool
{
    /// <param name="configuration">The service's own, and <c>ConnectionStrings:Owner</c>.</param>
    /// <param name="operation">Its name in the audit.</param>
    /// <param name="change">What it does: the ids it touched and what to say on standard output, or why not.</param>
    /// <param name="output">Takes what the command answers, and nothing else does: it may be a secret.</param>
    /// <param name="error">Takes refusals.</param>
    /// <param name="cancellation">Ends the command.</param>
    public static async Task<int> ChangeAsync(
        IConfiguration configuration, string operation, Func<BackendDb, Task<(Guid[]? Touched, string Said)>> change, TextWriter output, TextWriter error, CancellationToken cancellation)
    {
        try
        {
            var signer = new AuditSigner(new AuditKeys(AuditOptions.Of(configuration)));
            await using var source = new NpgsqlDataSourceBuilder(PersistenceRegistration.Parse("Owner", configuration.GetConnectionString("Owner")).ConnectionString).Build();
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
        }
        catch (StartRefused e)
        {
            await error.WriteLineAsync($"无法执行。{e.Message}");
        }
        catch (NpgsqlException e)
        {
            await error.WriteLineAsync($"无法执行：{DatabaseFaults.NameOf(e)}。");
        }

        return 2;
    }
}
