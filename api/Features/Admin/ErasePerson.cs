using System.CommandLine;
using Backend.Domain.Facts;
using Backend.Domain.Privacy;
using Backend.Platform.Audit;
using Backend.Platform.Files;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace Backend.Features.Admin;

/// <summary>
/// <c>admin erase --request ID</c>: carries out a deletion that two of the staff have granted (PD09), with the service's own configuration: rows, snapshots, texts that
/// name her, photos with their files. The database itself refuses every other person. The audit keeps ids alone. Exit code 0: she is gone; 1: it is not granted,
/// done already, or she holds a post; 2: it could not be tried.
/// </summary>
internal static class ErasePerson
{
    private sealed record Home(Guid ResidentId, Guid? AccountId, string Name, bool HoldsPost, Guid HouseholdId, bool IsLeftEmpty, byte[] Snapshot);

    private sealed record Text(string Field, Guid Id, byte[] Sealed);

    public static Command Command(IConfiguration? given, TimeProvider clock)
    {
        var request = new Option<Guid>("--request") { Description = "两名工作人员已同意的删除请求的编号", Required = true };
        var command = new Command("erase", "执行一件已获同意的删除请求：清除该居民的全部信息，审计记录只留编号") { request };
        command.SetAction((parsed, cancellation) => RunAsync(
            given ?? Host.CreateApplicationBuilder().Configuration, parsed.GetValue(request), clock, parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error, cancellation));
        return command;
    }

    private static Task<int> RunAsync(IConfiguration configuration, Guid request, TimeProvider clock, TextWriter output, TextWriter error, CancellationToken cancellation) =>
        AdminTool.TryAsync("清除", error, async () =>
        {
            using var vault = new Vault(VaultOptions.Of(configuration));
            var signer = new AuditSigner(new AuditKeys(AuditOptions.Of(configuration)));
            var photos = PhotoStore.Of(configuration, vault, NullLogger<PhotoStore>.Instance);
            await using var worker = AdminTool.ConnectAs("Worker", configuration);
            await using var db = new BackendDb(BackendDbFactory.Options(worker), new FixedScope(Scope.Nobody), new(), new(), new(), clock);
            await db.BeginAsync(cancellation);
            var homes = await db.Database.SqlQuery<Home>($"select * from app.erasure({request})").ToListAsync(cancellation);
            if (homes.Count == 0 || homes[0].HoldsPost)
            {
                await error.WriteLineAsync(homes.Count == 0 ? "没有这件请求，或尚未经两名工作人员同意，或已执行。" : "该居民仍担任职务，请先免去职务、结束代理。");
                return 1;
            }

            var (gone, name) = (homes[0].ResidentId, homes[0].Name);
            var snapshots = homes.ConvertAll(h => vault.Seal(SealedFields.FactsSnapshot, h.HouseholdId, Without(gone, h, vault, clock.Today()).ToBytes()).Bytes);
            var naming = (await db.Database.SqlQuery<Text>($"select * from app.erasure_texts({request})").ToListAsync(cancellation))
                .Where(t => vault.OpenText(t.Field, t.Id, new Sealed(t.Sealed)).Contains(name, StringComparison.Ordinal)).Select(t => t.Id).ToArray();
            db.AuditEntries.Add(signer.Sign(new AuditEntry
            {
                Id = Guid.CreateVersion7(db.Now),
                Operation = "admin erase",
                TargetIds = [request, gone, .. homes.Select(h => h.HouseholdId)],
                Result = AuditWriter.Done,
                CorrelationId = "",
            }));
            var files = await db.Database.SqlQuery<Guid>(
                $"select app.erase({request}, {homes.Select(h => h.HouseholdId).ToArray()}, {snapshots.ToArray()}, {naming}, {db.Now}, {clock.Today()}) as \"Value\"").ToListAsync(cancellation);
            await db.CommitAsync(cancellation);
            try
            {
                foreach (var file in files) photos.Delete(file);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                await error.WriteLineAsync("数据库中已清除，但有照片文件删不掉：请检查 Files:Folder 的权限后手工删除。");
                return 2;
            }

            await output.WriteLineAsync($"已清除：涉及 {homes.Count} 户，删除照片 {files.Count} 张，去掉提到本人的文字 {naming.Length} 处。审计记录只留编号。");
            return 0;
        });

    /// <summary>The household's material without her: of one that is left empty nothing stays.</summary>
    private static FactsSnapshot Without(Guid gone, Home home, Vault vault, DateOnly today)
    {
        var snapshot = FactsSnapshot.FromBytes(vault.Open(SealedFields.FactsSnapshot, home.HouseholdId, new Sealed(home.Snapshot)));
        return home.IsLeftEmpty
            ? new FactsSnapshot { HouseholdId = snapshot.HouseholdId, RecordedOn = snapshot.RecordedOn, Register = snapshot.Register, Occupancy = snapshot.Occupancy }
            : snapshot.WithMembers(snapshot.Members.Where(m => m.ResidentId != gone), today) with { SettledEvents = [.. snapshot.SettledEvents.Where(e => e.SubjectId != gone)] };
    }
}
