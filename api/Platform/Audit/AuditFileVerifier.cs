using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;

namespace Backend.Platform.Audit;

/// <summary>
/// Verifies an exported file without the database, as a stream (AU04): the checks of the chain, that each line says what its signed bytes say and nothing else,
/// and that the file is whole. Whatever is wrong is found at the first line where it shows. Made for one run.
/// </summary>
internal sealed class AuditFileVerifier(AuditKeys keys) : IDisposable
{
    /// <summary>A longer line is none of ours: nobody shall fill the memory by a file without an end of line.</summary>
    private const int LongestLine = 16 * 1024 * 1024;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private AuditChecks? _checks;
    private long _seals, _entries, _line, _lineOfSeal;
    private bool _ended;

    /// <summary>What the file says about itself, once its first line was found to be good.</summary>
    public AuditFileHeader? Header { get; private set; }

    public async Task<AuditReport> RunAsync(string file, CancellationToken cancellation)
    {
        await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read);
        var finding = await VerifyAsync(PipeReader.Create(stream), cancellation);
        return (_checks ??= new AuditChecks(keys)).Report(finding);
    }

    public void Dispose()
    {
        _checks?.Dispose();
        _hash.Dispose();
    }

    private async Task<AuditFinding?> VerifyAsync(PipeReader lines, CancellationToken cancellation)
    {
        while (true)
        {
            var read = await lines.ReadAsync(cancellation);
            var rest = read.Buffer;
            while (rest.PositionOf((byte)'\n') is { } end)
            {
                var line = rest.Slice(0, end);
                _line++;
                if (Verify(line.IsSingleSegment ? line.FirstSpan : line.ToArray()) is { } finding)
                    return finding with { Line = finding.Fault == AuditFault.EntriesWrong ? _lineOfSeal : _line };
                rest = rest.Slice(rest.GetPosition(1, end));
            }

            if (rest.Length > LongestLine) return new(AuditFault.FileLineWrong, Line: _line + 1);
            lines.AdvanceTo(rest.Start, rest.End);
            if (!read.IsCompleted) continue;
            return _ended && rest.IsEmpty ? null : new(_ended ? AuditFault.FileLineWrong : AuditFault.FileCut, Line: _line + 1);
        }
    }

    private AuditFinding? Verify(ReadOnlySpan<byte> line)
    {
        var finding = _ended ? Wrong
            : Header is null ? VerifyHeader(line)
            : IsOf(line, "seal"u8) ? VerifySeal(line)
            : IsOf(line, "entry"u8) ? VerifyEntry(line)
            : IsOf(line, "footer"u8) ? VerifyFooter(line)
            : Wrong;
        _hash.AppendData(line);
        _hash.AppendData("\n"u8);
        return finding;
    }

    private static AuditFinding Wrong => new(AuditFault.FileLineWrong);

    private AuditFinding? VerifyHeader(ReadOnlySpan<byte> line)
    {
        if (AuditFile.Read<AuditFileHeader>(line) is not { Format: AuditFile.Format, Mac: { } mac } header || !line.SequenceEqual(AuditFile.Write(header))) return new(AuditFault.FileHeaderWrong);
        if (Check(mac, MacOf.FileHeader, AuditFile.Write(header with { Mac = null }), AuditFault.FileHeaderWrong) is { } finding) return finding;
        (Header, _checks) = (header, new AuditChecks(keys, header.FormerSeal, header.FormerMac));
        return null;
    }

    private AuditFinding? VerifySeal(ReadOnlySpan<byte> line)
    {
        // A seal that is not whole is told before what comes behind it.
        if (_checks!.End() is { } former) return former;
        if (AuditFile.Read<Signed>(line) is not { Mac: { } mac, Record: var record } || !new SealRecord(record).IsWhole || !line.SequenceEqual(AuditFile.Write(AuditFileSeal.Of(record, mac)))) return Wrong;
        (_seals, _lineOfSeal) = (_seals + 1, _line);
        return _checks.Begin(new SealRecord(record).Number, record, mac);
    }

    private AuditFinding? VerifyEntry(ReadOnlySpan<byte> line)
    {
        _entries++;
        return _seals == 0 || AuditFile.Read<Signed>(line) is not { Record: var record } || !new AuditRecord(record).IsWhole || !line.SequenceEqual(AuditFile.Write(AuditFileEntry.Of(record)))
            ? Wrong : _checks!.Entry(record);
    }

    private AuditFinding? VerifyFooter(ReadOnlySpan<byte> line)
    {
        if (_checks!.End() is { } finding) return finding;
        _ended = true;
        if (AuditFile.Read<AuditFileFooter>(line) is not { Mac: { } mac } footer || !line.SequenceEqual(AuditFile.Write(footer))) return new(AuditFault.FileFooterWrong);
        if (Check(mac, MacOf.FileFooter, AuditFile.Write(footer with { Mac = null }), AuditFault.FileFooterWrong) is { } wrong) return wrong;
        return footer.Seals == _seals && footer.Entries == _entries && footer.Hash.AsSpan().SequenceEqual(_hash.GetHashAndReset()) ? null : new(AuditFault.FileFooterWrong);
    }

    private AuditFinding? Check(byte[] mac, MacOf covers, byte[] content, AuditFault otherwise) => keys.Check(mac, covers, content) switch
    {
        MacCheck.Good => null,
        MacCheck.KeyUnknown => new(AuditFault.KeyUnknown),
        _ => new(otherwise),
    };

    /// <summary>The kind of a line is its first member.</summary>
    private static bool IsOf(ReadOnlySpan<byte> line, ReadOnlySpan<byte> kind)
    {
        var start = "{\"line\":\""u8;
        return line.StartsWith(start) && line[start.Length..].StartsWith(kind) && line[(start.Length + kind.Length)..].StartsWith("\","u8);
    }

    /// <summary>What of a seal or an entry is signed; all else in its line follows from it.</summary>
    private sealed record Signed(byte[] Record, byte[]? Mac = null);
}
