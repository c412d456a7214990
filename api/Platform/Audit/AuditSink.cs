using System.Runtime.CompilerServices;
using System.Text;

namespace Backend.Platform.Audit;

/// <summary>A seal as the second sink knows it: its number and its MAC in hexadecimal digits.</summary>
internal readonly record struct AuditHead(long Number, string Mac);

/// <summary>
/// The second sink (AU03): where the newest seals' heads are kept out of the database's reach, so that a tail that was cut off is missed. A file that is
/// only ever appended to (<c>Audit:Sink</c>, one a replica), or the log. Both hold <c>audit-seal NUMBER MAC</c>, so a log can be verified against like the file.
/// </summary>
internal sealed class AuditSink
{
    private const string Mark = "audit-seal ";
    // Several lines long: the last one that is whole is in it.
    private const int Tail = 4096;

    private readonly string? _file;
    private readonly ILogger<AuditSink> _log;

    /// <exception cref="StartRefused">The file cannot be written.</exception>
    public AuditSink(string? file, ILogger<AuditSink> log)
    {
        (_file, _log) = (file is { Length: > 0 } ? file : null, log);
        if (_file is null) return;
        try
        {
            using var stream = new FileStream(_file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
            stream.Seek(-Math.Min(Tail, stream.Length), SeekOrigin.End);
            using var reader = new StreamReader(stream);
            Newest = reader.ReadToEnd().Split('\n').Select(Parse).LastOrDefault(h => h is not null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartRefused("Audit:Sink 指向的文件无法写入。", e);
        }
    }

    /// <summary>The last head that was copied: by this process, or into the file before its start.</summary>
    public AuditHead? Newest { get; private set; }

    /// <summary>On the disk when this returns.</summary>
    public async Task AppendAsync(AuditHead head, CancellationToken cancellation)
    {
        if (_file is null)
        {
            _log.LogInformation("audit-seal {Number} {Mac}", head.Number, head.Mac);
        }
        else
        {
            await using var stream = new FileStream(_file, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
            await stream.WriteAsync(Encoding.UTF8.GetBytes(FormattableString.Invariant($"{Mark}{head.Number} {head.Mac}\n")), cancellation);
            stream.Flush(flushToDisk: true);
        }

        Newest = head;
    }

    /// <summary>Every head in a sink's file, or in a log.</summary>
    public static async IAsyncEnumerable<AuditHead> ReadAsync(string file, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var reader = new StreamReader(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        while (await reader.ReadLineAsync(cancellation) is { } line)
            if (Parse(line) is { } head) yield return head;
    }

    /// <summary>The last mark of a line counts: a line that a dying process left half written has the next one behind it.</summary>
    private static AuditHead? Parse(string line)
    {
        var mark = line.LastIndexOf(Mark, StringComparison.Ordinal);
        if (mark < 0 || line[(mark + Mark.Length)..].Split(' ') is not [var number, var rest, ..] || !long.TryParse(number, out var value)) return null;
        var mac = new string([.. rest.TakeWhile(char.IsAsciiHexDigitLower)]);
        return mac.Length == 2 * AuditKeys.Length ? new AuditHead(value, mac) : null;
    }
}
