using Backend.Platform.Persistence;
using Backend.Platform.Scheduling;

namespace Backend.Features.Privacy;

/// <summary>Once a day what has been kept for its time is deleted (PD10), rule by rule of <c>retention.csv</c>. Several replicas may do it at once: a row goes once.</summary>
internal sealed class ForgetExpired(BackendDbFactory databases, IHostEnvironment environment, TimeProvider clock, ILogger<ForgetExpired> log)
    : DailyJob(databases, environment, clock, log)
{
    private readonly BackendDbFactory _databases = databases;

    protected override TimeOnly From => new(3, 30);

    public override async Task<int> RunAsync(DateOnly day, CancellationToken cancellation)
    {
        var deleted = 0;
        foreach (var rule in RetentionRule.All.Where(r => r.Days is not null)) deleted += await rule.ApplyAsync(_databases, day, cancellation);
        return deleted;
    }
}
