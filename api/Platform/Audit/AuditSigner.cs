namespace Backend.Platform.Audit;

/// <summary>
/// Signs the entries that this process writes (AU03): who wrote it (one id a process start), as its how-manieth, and a MAC over all that is known by
/// then. A number that is missing later was rolled back, or deleted before it was sealed.
/// </summary>
internal sealed class AuditSigner(AuditKeys keys)
{
    private readonly Guid _writer = Guid.CreateVersion7();
    private long _number;

    public AuditEntry Sign(AuditEntry entry, MacOf covers = MacOf.Entry)
    {
        entry.WriterId = _writer;
        entry.WriterNumber = Interlocked.Increment(ref _number);
        entry.Mac = Mac(entry, entry.Result, covers);
        return entry;
    }

    /// <summary>The MAC that a signed entry has with another result.</summary>
    public byte[] Mac(AuditEntry entry, string result, MacOf covers = MacOf.Entry) => keys.Sign(covers, AuditRecord.SignedPart(entry, result, covers));
}
