using System.Security.Cryptography;
using Backend.Domain.Facts;
using Backend.Domain.Households;
using Backend.Domain.Messages;
using Backend.Domain.Tiers;
using Backend.Platform.Outbox;
using Backend.Platform.Persistence;
using Backend.Platform.Scheduling;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Tiers;

/// <summary>
/// The night: every household whose facts could say something else today is evaluated anew; without it R5, R7 and Y11 would never move by date.
/// It reads only what is due, in pieces that are claimed with SKIP LOCKED, so any number of replicas may share one night and a killed one is taken
/// up again. What it raises is told when the whole night is done: one notice a person (BatchFinished).
/// </summary>
internal sealed class ReevaluateDueHouseholds(
    BackendDbFactory databases, ReferenceData references, TierDesk desk, IHostEnvironment environment, TimeProvider clock,
    ILogger<ReevaluateDueHouseholds> log) : DailyJob(databases, environment, clock, log)
{
    private const int Piece = 500;
    private readonly BackendDbFactory _databases = databases;

    protected override TimeOnly From => new(0, 10);

    /// <summary>Runs the night of a day, or finishes it; a day whose night is done is left alone. Gives how many households were evaluated.</summary>
    /// <param name="day">The Shanghai day to judge on.</param>
    /// <param name="cancellation">Stops between two pieces.</param>
    public override async Task<int> RunAsync(DateOnly day, CancellationToken cancellation)
    {
        await CloseEarlierAsync(day, cancellation);
        if (await OpenAsync(day, cancellation) is not { } batch) return 0;
        var evaluated = 0;
        while (true)
        {
            while (await EvaluatePieceAsync(batch, day, cancellation) is var done and > 0) evaluated += done;
            if (await FinishAsync(batch, day, cancellation)) return evaluated;
            // Somebody's change holds the last ones; what they become due for is judged after it.
            await Task.Delay(TimeSpan.FromMilliseconds(50), cancellation);
        }
    }

    /// <summary>A night that a kill cut off and nobody finished by its next one: its households are still due and come again today; what it raised is told now.</summary>
    private async Task CloseEarlierAsync(DateOnly day, CancellationToken cancellation)
    {
        await using var db = _databases.ForWorker();
        await db.BeginAsync(cancellation);
        foreach (var batch in await db.Batches.FromSql($"""
            select * from batches where kind = 'night' and day < {day} and finished_at is null order by day for update
            """).ToListAsync(cancellation)) Close(db, batch);
        await db.CommitAsync(cancellation);
    }

    /// <summary>The batch of this night, made by whoever comes first; null when it is finished.</summary>
    private async Task<Guid?> OpenAsync(DateOnly day, CancellationToken cancellation)
    {
        await using var db = _databases.ForWorker();
        await db.BeginAsync(cancellation);
        await db.Database.ExecuteSqlAsync($"""
            insert into batches (id, kind, day, started_at) values ({Guid.CreateVersion7(db.Now)}, 'night', {day}, {db.Now})
            on conflict (day) where kind = 'night' do nothing
            """, cancellation);
        var batch = await db.Batches.AsNoTracking().SingleAsync(b => b.Kind == BatchKind.Night && b.Day == day, cancellation);
        await db.CommitAsync(cancellation);
        return batch.FinishedAt is null ? batch.Id : null;
    }

    private async Task<int> EvaluatePieceAsync(Guid batch, DateOnly day, CancellationToken cancellation)
    {
        await using var db = _databases.ForWorker();
        await db.BeginAsync(cancellation);
        // Whoever closes the batch waits for this piece, and no piece begins under a closed one: what a batch raises is in it when it is told.
        var open = await db.Batches.FromSql($"select * from batches where id = {batch} and finished_at is null for share").AsNoTracking().ToListAsync(cancellation);
        var due = open.Count == 0 ? [] : await db.Households.FromSql($"""
            select * from households where next_evaluation_on <= {day} order by next_evaluation_on, id limit {Piece} for update skip locked
            """).AsNoTracking().ToListAsync(cancellation);
        if (due.Count == 0)
        {
            await db.RollbackAsync(cancellation);
            return 0;
        }

        var reference = await references.ReadAsync(day, cancellation);
        var later = new List<(Guid Id, DateOnly? Next)>();
        foreach (var household in due)
        {
            if (Read(household, reference, day) is not { } read) later.Add((household.Id, day.AddDays(1)));
            else if (IsTheSame(household, read)) later.Add((household.Id, read.Run.NextEvaluationOn));
            else
            {
                db.Attach(household);
                desk.Decide(db, household, read.Snapshot, changed: false, reference, actor: null, batch, day);
            }
        }

        // Most only wait for their next day: one statement for all of them, and no row of theirs is read or written otherwise.
        await db.Database.ExecuteSqlAsync($"""
            update households h set next_evaluation_on = l.next_on
            from unnest({later.Select(l => l.Id).ToArray()}, {later.Select(l => l.Next).ToArray()}) as l(id, next_on) where h.id = l.id
            """, cancellation);
        await db.CommitAsync(cancellation);
        return due.Count;
    }

    /// <summary>What the engine says, or null when the household's material cannot be read: it holds nobody up, comes again the next night, and operators are told.</summary>
    private (FactsSnapshot Snapshot, TierRun Run)? Read(Household household, Reference reference, DateOnly day)
    {
        try
        {
            var snapshot = desk.Open(household);
            return (snapshot, desk.Read(household, snapshot, reference, day));
        }
        catch (Exception failure) when (failure is CryptographicException or FormatException)
        {
            log.OperatorAlarm("household_unreadable", household.Id);
            return null;
        }
    }

    private static bool IsTheSame(Household household, (FactsSnapshot Snapshot, TierRun Run) read)
    {
        var evaluation = read.Run.Evaluation;
        // A milder answer is not taken at night: no rule lowers a tier (AZ17).
        var keeps = evaluation.Tier < household.Tier || evaluation.Tier == household.Tier && evaluation.State == household.State;
        return keeps && evaluation.EngineTier == household.EngineTier && ReferenceEquals(read.Run.Snapshot, read.Snapshot);
    }

    /// <summary>Closes the batch if nothing is due any more. It waits for the pieces that other replicas still have in hand.</summary>
    private async Task<bool> FinishAsync(Guid id, DateOnly day, CancellationToken cancellation)
    {
        await using var db = _databases.ForWorker();
        await db.BeginAsync(cancellation);
        var batch = await db.Batches.FromSql($"select * from batches where id = {id} for update").SingleAsync(cancellation);
        var due = batch.FinishedAt is null && await db.Households.AnyAsync(h => h.NextEvaluationOn <= day, cancellation);
        if (batch.FinishedAt is null && !due) Close(db, batch);
        await db.CommitAsync(cancellation);
        return !due;
    }

    private static void Close(BackendDb db, Batch batch)
    {
        batch.FinishedAt = db.Now;
        db.Send(new BatchFinished(batch.Id));
    }
}
