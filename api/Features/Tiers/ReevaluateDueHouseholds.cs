using Backend.Domain.Households;
using Backend.Domain.Messages;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Tiers;

/// <summary>
/// The night: every household whose facts could say something else today is evaluated anew; without it R5, R7 and Y11 would never move by date.
/// It reads only what is due, in pieces that are claimed with SKIP LOCKED, so any number of replicas may share one night and a killed one is taken
/// up again. What it raises is told when the whole night is done: one notice a person (BatchFinished).
/// </summary>
internal sealed class ReevaluateDueHouseholds(
    BackendDbFactory databases, ReferenceData references, TierDesk desk, TimeProvider clock, ILogger<ReevaluateDueHouseholds> log) : BackgroundService
{
    private const int Piece = 200;
    private static readonly TimeOnly AtNight = new(0, 10);

    /// <summary>Runs the night of a day, or finishes it; a day whose night is done is left alone. Gives how many households were evaluated.</summary>
    /// <param name="day">The Shanghai day; the facts are judged on the clock's day.</param>
    /// <param name="cancellation">Stops between two pieces.</param>
    public async Task<int> RunAsync(DateOnly day, CancellationToken cancellation)
    {
        var reference = await references.ReadAsync(day, cancellation);
        if (reference.Cadences.Count == 0 || await OpenBatchAsync(day, cancellation) is not { } batch) return 0;
        var evaluated = 0;
        while (await EvaluatePieceAsync(batch, day, reference, cancellation) is var done and > 0) evaluated += done;
        await FinishAsync(batch, day, cancellation);
        return evaluated;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var evaluated = await RunAsync(clock.Today(), stoppingToken);
                if (evaluated > 0) log.LogInformation("{Count} households were due and evaluated.", evaluated);
                var next = ShanghaiDay.At(clock.Today().AddDays(1), AtNight);
                await Task.Delay(next - clock.GetUtcNow(), clock, stoppingToken);
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                log.LogError("The night could not be finished and is tried again in a minute: {Error}.", failure.GetType().Name);
                await Task.Delay(TimeSpan.FromMinutes(1), clock, stoppingToken);
            }
        }
    }

    /// <summary>The batch of this night, made by whoever comes first; null when it is finished.</summary>
    private async Task<Guid?> OpenBatchAsync(DateOnly day, CancellationToken cancellation)
    {
        await using var db = databases.ForWorker();
        await db.BeginAsync(cancellation);
        var (id, now) = (Guid.CreateVersion7(db.Now), db.Now);
        await db.Database.ExecuteSqlAsync($"""
            insert into batches (id, kind, day, started_at) values ({id}, 'night', {day}, {now}) on conflict (day) where kind = 'night' do nothing
            """, cancellation);
        var batch = await db.Batches.AsNoTracking().SingleAsync(b => b.Kind == BatchKind.Night && b.Day == day, cancellation);
        await db.CommitAsync(cancellation);
        return batch.FinishedAt is null ? batch.Id : null;
    }

    private async Task<int> EvaluatePieceAsync(Guid batch, DateOnly day, Reference reference, CancellationToken cancellation)
    {
        await using var db = databases.ForWorker();
        await db.BeginAsync(cancellation);
        var due = await db.Households.FromSql($"""
            select * from households where next_evaluation_on <= {day} order by next_evaluation_on, id limit {Piece} for update skip locked
            """).ToListAsync(cancellation);
        foreach (var household in due)
        {
            try
            {
                desk.Decide(db, household, desk.Open(household), changed: false, reference, actor: null, batch);
            }
            catch (Exception failure) when (failure is System.Security.Cryptography.CryptographicException or FormatException or InvalidDataException)
            {
                // One household that cannot be read holds nobody up; it is tried again the next night, and operators are told.
                log.LogCritical("Operator alarm: household {Household} could not be evaluated: {Error}.", household.Id, failure.GetType().Name);
                household.NextEvaluationOn = day.AddDays(1);
            }
        }

        await db.CommitAsync(cancellation);
        return due.Count;
    }

    /// <summary>Closes the batch once nothing is due any more, also not in another replica's hands, and says so in the same transaction.</summary>
    private async Task FinishAsync(Guid id, DateOnly day, CancellationToken cancellation)
    {
        await using var db = databases.ForWorker();
        await db.BeginAsync(cancellation);
        var batch = await db.Batches.FromSql($"select * from batches where id = {id} for update").SingleAsync(cancellation);
        if (batch.FinishedAt is null && !await db.Households.AnyAsync(h => h.NextEvaluationOn <= day, cancellation))
        {
            batch.FinishedAt = db.Now;
            db.Send(new BatchFinished(id));
        }

        await db.CommitAsync(cancellation);
    }
}
