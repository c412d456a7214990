namespace Backend.Domain.Households;

internal enum BatchKind
{
    Night,
    Import,
}

/// <summary>批次: what one run raised reaches each person as one notice. An unfinished one is taken up again after a restart.</summary>
internal sealed class Batch
{
    public required Guid Id { get; init; }
    public required BatchKind Kind { get; init; }
    /// <summary>The Shanghai day it is for; one night a day.</summary>
    public required DateOnly Day { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public DateTimeOffset? FinishedAt { get; set; }
}
