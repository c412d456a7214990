using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Backend.Platform.Audit;

/// <summary>
/// An exported piece of the chain (AU04): a file of lines, each one JSON. A header; each seal and behind it each of its entries; a footer. Seals and entries
/// carry the very bytes that their MACs and hashes cover (<c>record</c>), and every other member of their line follows from these bytes, to the letter:
/// whoever verifies the file writes each line again and compares.
/// </summary>
internal static class AuditFile
{
    public const int Format = 1;
    public const string ContentType = "application/x-ndjson";

    // The default encoder escapes whatever is not ASCII: what a line looks like depends on no table of characters that a later version may change.
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    public static byte[] Write<T>(T line) => JsonSerializer.SerializeToUtf8Bytes(line, s_json);

    /// <summary>Null when these bytes are no such line.</summary>
    public static T? Read<T>(ReadOnlySpan<byte> line) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(line, s_json);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>The first line: which days were asked for, when and by whom, and where the chain goes on.</summary>
/// <param name="Format">Of the file.</param>
/// <param name="From">First Shanghai day; a seal belongs to the day on which it was made.</param>
/// <param name="To">Last day. What was not sealed by <paramref name="ExportedAt"/> is not in the file, but in the next one.</param>
/// <param name="ExportedAt">When.</param>
/// <param name="ExportedBy">Whose session it was.</param>
/// <param name="FormerSeal">Number of the seal before the first one here; 0 when there is none.</param>
/// <param name="FormerMac">Its MAC, which the first one here is chained to.</param>
/// <param name="Mac">Over this line with null in this place.</param>
internal sealed record AuditFileHeader(int Format, DateOnly From, DateOnly To, DateTimeOffset ExportedAt, Guid ExportedBy, long FormerSeal, byte[]? FormerMac, byte[]? Mac = null)
{
    [JsonPropertyOrder(-1)]
    public string Line { get; } = "header";
}

/// <summary>A seal; its entries follow it.</summary>
internal sealed record AuditFileSeal(long Number, DateTimeOffset? SealedAt, string? Snapshot, long Entries, byte[] Hash, byte[] Record, byte[] Mac)
{
    [JsonPropertyOrder(-1)]
    public string Line { get; } = "seal";

    public static AuditFileSeal Of(byte[] record, byte[] mac)
    {
        var seal = new SealRecord(record);
        return new(seal.Number, seal.SealedAt, seal.Snapshot, seal.Entries, seal.Hash, record, mac);
    }
}

/// <summary>An entry of the seal above it.</summary>
internal sealed record AuditFileEntry(
    Guid Id, DateTimeOffset? At, Guid? AccountId, Guid? SessionId, IReadOnlyList<string>? Roles, string? Scope, string? Operation, IReadOnlyList<Guid> TargetIds, string? Result,
    string? Address, string? TraceId, Guid? WriterId, long? WriterNumber, byte[] Record)
{
    [JsonPropertyOrder(-1)]
    public string Line { get; } = "entry";

    public static AuditFileEntry Of(byte[] record)
    {
        var entry = new AuditRecord(record);
        var writer = entry.Writer;
        return new(
            entry.Id, entry.At, entry.AccountId, entry.SessionId, entry.Roles?.Split(','), entry.Scope, entry.Operation, entry.TargetIds, entry.Result,
            entry.Address, entry.CorrelationId, writer?.Id, writer?.Number, record);
    }
}

/// <summary>The last line: a file that was cut, extended or put together of several has no fitting one.</summary>
/// <param name="Seals">How many there are.</param>
/// <param name="Entries">How many there are.</param>
/// <param name="Hash">SHA-256 of all bytes before this line.</param>
/// <param name="Mac">Over this line with null in this place.</param>
internal sealed record AuditFileFooter(long Seals, long Entries, byte[] Hash, byte[]? Mac = null)
{
    [JsonPropertyOrder(-1)]
    public string Line { get; } = "footer";
}

/// <summary>Writes the lines of a file into memory, from where they are taken piece by piece.</summary>
internal sealed class AuditFileWriter(AuditKeys keys) : IDisposable
{
    private readonly ArrayBufferWriter<byte> _lines = new();
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long _seals, _entries;

    public void Header(AuditFileHeader header) => Add(header with { Mac = keys.Sign(MacOf.FileHeader, AuditFile.Write(header)) });

    public void Seal(byte[] record, byte[] mac)
    {
        _seals++;
        Add(AuditFileSeal.Of(record, mac));
    }

    public void Entry(byte[] record)
    {
        _entries++;
        Add(AuditFileEntry.Of(record));
    }

    public void Footer()
    {
        var footer = new AuditFileFooter(_seals, _entries, _hash.GetHashAndReset());
        Add(footer with { Mac = keys.Sign(MacOf.FileFooter, AuditFile.Write(footer)) });
    }

    /// <summary>Gives away the lines so far.</summary>
    public async Task FlushAsync(Stream file, CancellationToken cancellation)
    {
        await file.WriteAsync(_lines.WrittenMemory, cancellation);
        _lines.ResetWrittenCount();
    }

    public void Dispose() => _hash.Dispose();

    private void Add<T>(T line)
    {
        ReadOnlySpan<byte> bytes = [.. AuditFile.Write(line), (byte)'\n'];
        _lines.Write(bytes);
        _hash.AppendData(bytes);
    }
}
