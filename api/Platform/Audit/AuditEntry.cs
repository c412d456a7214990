namespace Backend.Platform.Audit;

/// <summary>
/// 审计记录 (AU01): who, in which role and scope, did what, to which ids, with what result, when (database clock), from where. Insert-only for the
/// app role; a change writes it in its own transaction, a read before its answer leaves (AU02). No values, only ids. Signed as it is written
/// (<see cref="AuditSigner"/>) and sealed within 5 s (<see cref="AuditSealer"/>).
/// </summary>
internal sealed class AuditEntry
{
    public required Guid Id { get; init; }
    /// <summary>Set by the database's clock.</summary>
    public DateTimeOffset At { get; init; }
    public Guid? AccountId { get; init; }
    public Guid? SessionId { get; init; }
    /// <summary>Roles held at that moment, comma separated.</summary>
    public string? Roles { get; init; }
    /// <summary>The scope as set in the transaction.</summary>
    public string? Scope { get; init; }
    public required string Operation { get; init; }
    public required Guid[] TargetIds { get; init; }
    /// <summary><c>done</c>, <c>refused</c>, <c>not_found</c>, or a problem code.</summary>
    public required string Result { get; init; }
    public string? Address { get; init; }
    public required string CorrelationId { get; init; }
    /// <summary>The process start that wrote it, and its how-manieth entry this is. Null for entries from before the chain.</summary>
    public Guid? WriterId { get; set; }
    public long? WriterNumber { get; set; }
    /// <summary>Over all of the above that the api knows; see <see cref="AuditKeys"/>.</summary>
    public byte[]? Mac { get; set; }
}
