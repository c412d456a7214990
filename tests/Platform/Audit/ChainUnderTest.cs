using Backend.Platform.Audit;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace Backend.Tests.Platform.Audit;

/// <summary>A database of its own with a chain in it: writes entries as the api's role, seals them as the worker's, and knows which seal holds which.</summary>
internal sealed class ChainUnderTest : IAsyncDisposable
{
    /// <summary>Every column that the api writes.</summary>
    public const string Columns =
        "id, account_id, session_id, roles, scope, operation, target_ids, result, address, correlation_id, writer_id, writer_number, mac";

    private static readonly string[] Operations = ["readHousehold", "listHouseholds", "reviseFacts", "signInWithWeChat"];

    private readonly TemporaryFolder _folder = new();
    private readonly WorkerDataSource _worker;
    private readonly NpgsqlDataSource _app;
    private readonly ILoggerFactory _loggers;
    private readonly List<IReadOnlyList<Guid>> _seals = [];
    private readonly List<Guid> _open = [];
    private int _made;

    private ChainUnderTest(PostgresDatabase database)
    {
        Database = database;
        _worker = new WorkerDataSource(NpgsqlDataSource.Create(database.Worker), 30);
        _app = NpgsqlDataSource.Create(database.App);
        _loggers = LoggerFactory.Create(l => l.AddProvider(Log).AddProvider(WholeLog.Run).SetMinimumLevel(LogLevel.Debug));
        Signer = new AuditSigner(new AuditKeys(Options));
    }

    public static async Task<ChainUnderTest> CreateAsync() => new(await (await PostgresFixture.ClusterAsync()).CreateAsync(PostgresFixture.Migrated));

    public PostgresDatabase Database { get; }

    public LogLines Log { get; } = new();

    public AuditOptions Options { get; } = PostgresFixture.Secrets.Audit;

    /// <summary>Another one is another process start.</summary>
    public AuditSigner Signer { get; set; }

    public string Sink => Path.Combine(_folder.Path, "heads");

    /// <summary>The ids of the entries that <see cref="GrowAsync"/> sealed, by seal.</summary>
    public IReadOnlyList<IReadOnlyList<Guid>> Seals => _seals;

    public AuditSealer Sealer(AuditOptions? options = null, string? sink = null) => new(
        _worker, new AuditKeys(options ?? Options), new AuditSink(sink ?? Sink, _loggers.CreateLogger<AuditSink>()), TimeProvider.System, _loggers.CreateLogger<AuditSealer>());

    /// <summary>A signed entry; no two are alike. Of some the ids are not covered, as of lists.</summary>
    public AuditEntry Entry()
    {
        var n = Interlocked.Increment(ref _made);
        return Signer.Sign(new AuditEntry
        {
            Id = Guid.CreateVersion7(),
            AccountId = n % 4 == 0 ? null : Guid.CreateVersion7(),
            SessionId = n % 4 == 0 ? null : Guid.CreateVersion7(),
            Roles = n % 4 == 0 ? null : "floor_leader,staff",
            Scope = n % 4 == 0 ? null : $"d.s1.c1.b{n}",
            Operation = Operations[n % Operations.Length],
            TargetIds = [.. Enumerable.Range(0, n % 4).Select(_ => Guid.CreateVersion7())],
            Result = n % 6 == 0 ? "not_found" : "done",
            Address = n % 5 == 0 ? null : "2001:db8::1",
            CorrelationId = $"网格 {n}",
        }, n % 4 == 1 ? MacOf.EntryWithoutIds : MacOf.Entry);
    }

    /// <summary>Entries of one transaction of the app's.</summary>
    public async Task<List<AuditEntry>> WriteAsync(int count)
    {
        await using var db = OwnerContext.Create(_app);
        await using var transaction = await db.Database.BeginTransactionAsync();
        var entries = await AddAsync(db, count);
        await transaction.CommitAsync();
        return entries;
    }

    /// <summary>A transaction of the app's that has written an entry and stays open until it is committed and disposed.</summary>
    public async Task<OpenWrite> WriteAndWaitAsync()
    {
        var db = OwnerContext.Create(_app);
        await db.Database.BeginTransactionAsync();
        await AddAsync(db, 1);
        return new OpenWrite(db);
    }

    /// <summary>As the superuser, for whom COPY is not refused: the fast way to a million.</summary>
    public async Task CopyAsync(int count)
    {
        await using var connection = new NpgsqlConnection(Database.Superuser);
        await connection.OpenAsync();
        await using var copy = await connection.BeginBinaryImportAsync($"copy audit_entries ({Columns}) from stdin (format binary)");
        for (var i = 0; i < count; i++)
        {
            var entry = Entry();
            await copy.StartRowAsync();
            await copy.WriteAsync(entry.Id, NpgsqlDbType.Uuid);
            await WriteAsync(copy, entry.AccountId, NpgsqlDbType.Uuid);
            await WriteAsync(copy, entry.SessionId, NpgsqlDbType.Uuid);
            await WriteAsync(copy, entry.Roles, NpgsqlDbType.Text);
            await WriteAsync(copy, entry.Scope, NpgsqlDbType.Text);
            await copy.WriteAsync(entry.Operation, NpgsqlDbType.Text);
            await copy.WriteAsync(entry.TargetIds, NpgsqlDbType.Array | NpgsqlDbType.Uuid);
            await copy.WriteAsync(entry.Result, NpgsqlDbType.Text);
            await WriteAsync(copy, entry.Address, NpgsqlDbType.Text);
            await copy.WriteAsync(entry.CorrelationId, NpgsqlDbType.Text);
            await WriteAsync(copy, entry.WriterId, NpgsqlDbType.Uuid);
            await WriteAsync(copy, entry.WriterNumber, NpgsqlDbType.Bigint);
            await WriteAsync(copy, entry.Mac, NpgsqlDbType.Bytea);
        }

        await copy.CompleteAsync();

        static Task WriteAsync(NpgsqlBinaryImporter copy, object? value, NpgsqlDbType type) => value is null ? copy.WriteNullAsync() : copy.WriteAsync(value, type);
    }

    /// <summary>A chain of so many seals, each of several transactions of several entries.</summary>
    public async Task GrowAsync(int seals)
    {
        var sealer = Sealer();
        for (var seal = 0; seal < seals; seal++)
        {
            for (var transaction = 0; transaction <= seal % 4; transaction++) _open.AddRange((await WriteAsync(1 + (seal + transaction) % 4)).Select(e => e.Id));
            Assert.Equal(_open.Count, await sealer.PassAsync(default));
            _seals.Add([.. _open]);
            _open.Clear();
        }
    }

    public async Task<AuditReport> VerifyAsync(AuditOptions? options = null)
    {
        using var verifier = new AuditVerifier(new AuditKeys(options ?? Options));
        return await verifier.RunAsync(Database.Worker, File.Exists(Sink) ? Sink : null, default);
    }

    /// <summary>Seals made on other days than today: signed anew, which nobody could without the key.</summary>
    public async Task DateAsync(Func<long, DateTimeOffset> momentOf)
    {
        var (keys, former) = (new AuditKeys(Options), (byte[]?)null);
        for (var number = 1L; number <= await Database.ScalarAsync<long>("select count(*) from audit_seals"); number++)
        {
            await Database.ExecuteAsync("update audit_seals set sealed_at = $2 where number = $1", number, momentOf(number));
            former = keys.Sign(MacOf.Seal, SealRecord.SignedPart(former, (await Database.ScalarAsync<byte[]>($"select {SealRecord.Record} from audit_seals where number = $1", number))!));
            await Database.ExecuteAsync("update audit_seals set mac = $2 where number = $1", number, former);
        }

        File.Delete(Sink);
    }

    /// <summary>The file of some days; today by default.</summary>
    public async Task<byte[]> ExportAsync(DateOnly? from = null, DateOnly? to = null)
    {
        using var file = new MemoryStream();
        await ExportAsync(file, from ?? Today, to ?? Today);
        return file.ToArray();
    }

    public async Task ExportAsync(Stream file, DateOnly from, DateOnly to)
    {
        var export = new AuditExport(_worker, new AuditKeys(Options));
        var range = await export.FindAsync(from, to, default);
        var header = new AuditFileHeader(AuditFile.Format, from, to, DateTimeOffset.UnixEpoch, Guid.CreateVersion7(), range.Former, range.FormerMac);
        await export.WriteAsync(file, header, range.Last, default);
    }

    /// <summary>The database's day, which is the real one.</summary>
    public static DateOnly Today => ShanghaiDay.Today(TimeProvider.System);

    public string FileOf(byte[] exported)
    {
        var path = Path.Combine(_folder.Path, "exported.ndjson");
        File.WriteAllBytes(path, exported);
        return path;
    }

    public async Task<AuditReport> VerifyFileAsync(byte[] exported, AuditOptions? options = null)
    {
        using var verifier = new AuditFileVerifier(new AuditKeys(options ?? Options));
        return await verifier.RunAsync(FileOf(exported), default);
    }

    public async ValueTask DisposeAsync()
    {
        await _worker.DisposeAsync();
        await _app.DisposeAsync();
        _loggers.Dispose();
        await Database.DisposeAsync();
        _folder.Dispose();
    }

    private async Task<List<AuditEntry>> AddAsync(BackendDb db, int count)
    {
        var entries = Enumerable.Range(0, count).Select(_ => Entry()).ToList();
        db.AuditEntries.AddRange(entries);
        await db.SaveChangesAsync();
        return entries;
    }
}

internal sealed class OpenWrite(BackendDb db) : IAsyncDisposable
{
    public Task CommitAsync() => db.Database.CommitTransactionAsync();

    public ValueTask DisposeAsync() => db.DisposeAsync();
}
