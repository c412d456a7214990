using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Backend.Platform.Audit;

/// <summary>What is wrong with the chain.</summary>
internal enum AuditFault
{
    /// <summary>A number is left out.</summary>
    SealMissing,
    /// <summary>A seal was changed, moved, or made by somebody without the key.</summary>
    SealWrong,
    /// <summary>A seal's entries are not those that were sealed, or not in their order.</summary>
    EntriesWrong,
    /// <summary>An entry was changed, or written by somebody without the key.</summary>
    EntryWrong,
    /// <summary>An entry was added past the api: only the first seal may have entries from before the chain.</summary>
    EntryWithoutMac,
    /// <summary>The key is not among the configured ones: lost, or the row was changed.</summary>
    KeyUnknown,
    /// <summary>The second sink knows a seal that is not there, or another one: the tail was cut off, or made anew.</summary>
    HeadWrong,
    /// <summary>An exported file does not begin with a header that this service wrote.</summary>
    FileHeaderWrong,
    /// <summary>A line of an exported file says something else than its signed bytes, or stands where none may stand.</summary>
    FileLineWrong,
    /// <summary>The end of an exported file does not fit what stands before it, or was not written by this service.</summary>
    FileFooterWrong,
    /// <summary>An exported file ends before its footer.</summary>
    FileCut,
}

/// <summary>The first thing that is wrong. Without a seal: an entry that is not sealed yet. In an exported file with the line where it was noticed.</summary>
internal sealed record AuditFinding(AuditFault Fault, long? Seal = null, Guid? Entry = null, long? Line = null);

/// <summary>What a verification saw, up to the first finding if there is one.</summary>
/// <param name="Seals">Seals verified.</param>
/// <param name="Entries">Sealed entries verified.</param>
/// <param name="Unsealed">Entries that wait for their seal.</param>
/// <param name="WithoutMac">Entries from before the chain.</param>
/// <param name="Writers">Process starts that wrote entries.</param>
/// <param name="Gaps">Numbers that their writers gave and that are not there: rolled back, or deleted before they were sealed.</param>
/// <param name="Heads">Heads of the second sink compared; null without one.</param>
/// <param name="Finding">The first thing that is wrong.</param>
internal sealed record AuditReport(long Seals, long Entries, long Unsealed, long WithoutMac, int Writers, long Gaps, long? Heads, AuditFinding? Finding);

/// <summary>
/// The checks of the chain (AU03), wherever it comes from: every seal's number, MAC and link to the former one, every entry's MAC, the count and hash of
/// every seal's entries. It is given seals and their entries in order, keeps a few numbers for each process start, and nothing for each entry or seal.
/// </summary>
/// <param name="keys">The keys that the chain was signed with.</param>
/// <param name="formerSeal">Number of the seal before the first one to come.</param>
/// <param name="formerMac">Its MAC.</param>
internal sealed class AuditChecks(AuditKeys keys, long formerSeal = 0, byte[]? formerMac = null) : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly Dictionary<Guid, (long Count, long Highest)> _writers = [];
    private Seal? _seal;
    private long _seals, _entries, _unsealed, _withoutMac, _inSeal;

    /// <summary>The next seal; with it the former one is complete.</summary>
    public AuditFinding? Begin(long number, byte[] record, byte[] mac)
    {
        if (End() is { } finding) return finding;
        if (number > formerSeal + 1) return new(AuditFault.SealMissing, formerSeal + 1);
        var check = keys.Check(mac, MacOf.Seal, SealRecord.SignedPart(formerMac, record));
        if (number <= formerSeal || check != MacCheck.Good) return new(check == MacCheck.KeyUnknown ? AuditFault.KeyUnknown : AuditFault.SealWrong, number);
        // Its MAC was good, so its record reads as the sealer wrote it.
        var seal = new SealRecord(record);
        _seal = new(number, mac, seal.Entries, seal.Hash);
        return null;
    }

    /// <summary>The next entry of the seal that was begun.</summary>
    public AuditFinding? Entry(byte[] record)
    {
        _hash.AppendData(record);
        _inSeal++;
        return Verify(new AuditRecord(record), _seal?.Number);
    }

    /// <summary>An entry that waits for its seal.</summary>
    public AuditFinding? Unsealed(byte[] record)
    {
        _unsealed++;
        return Verify(new AuditRecord(record), null);
    }

    /// <summary>All entries of the seal that was begun have been given.</summary>
    public AuditFinding? End()
    {
        if (_seal is null) return null;
        if (_inSeal != _seal.Entries || !_hash.GetHashAndReset().AsSpan().SequenceEqual(_seal.Hash)) return new(AuditFault.EntriesWrong, _seal.Number);
        (formerSeal, formerMac) = (_seal.Number, _seal.Mac);
        _seals++;
        _entries += _inSeal;
        (_seal, _inSeal) = (null, 0);
        return null;
    }

    public AuditReport Report(AuditFinding? finding, long? heads = null) =>
        new(_seals, _entries, _unsealed, _withoutMac, _writers.Count, _writers.Values.Sum(w => Math.Max(0, w.Highest - w.Count)), heads, finding);

    public void Dispose() => _hash.Dispose();

    private AuditFinding? Verify(AuditRecord entry, long? seal)
    {
        if (entry.Writer is { } writer)
        {
            ref var seen = ref CollectionsMarshal.GetValueRefOrAddDefault(_writers, writer.Id, out _);
            seen = (seen.Count + 1, Math.Max(seen.Highest, writer.Number));
        }

        if (!entry.HasMac)
        {
            _withoutMac++;
            return (seal ?? formerSeal + 1) == 1 ? null : new(AuditFault.EntryWithoutMac, seal, entry.Id);
        }

        return entry.Check(keys) switch
        {
            MacCheck.Good => null,
            MacCheck.KeyUnknown => new(AuditFault.KeyUnknown, seal, entry.Id),
            _ => new(AuditFault.EntryWrong, seal, entry.Id),
        };
    }

    /// <summary>The seal whose entries are being given.</summary>
    private sealed record Seal(long Number, byte[] Mac, long Entries, byte[] Hash);
}
