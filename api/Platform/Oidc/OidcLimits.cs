using Polly;
using Polly.CircuitBreaker;

namespace Backend.Platform.Oidc;

/// <summary>
/// What every call to the identity provider passes (RL18): a place among those that run, and the breaker, which is silent towards a provider that fails. How long one
/// answer of ours takes at most, <see cref="OidcOptions.AnswerLimit"/> says.
/// </summary>
internal sealed class OidcLimits(TimeProvider clock)
{
    public const int Parallel = 16;

    public static readonly TimeSpan BreakDuration = TimeSpan.FromSeconds(5);

    public ResiliencePipeline Pipeline { get; } = new ResiliencePipelineBuilder { Name = "oidc", TimeProvider = clock }
        .AddConcurrencyLimiter(Parallel, Parallel * 2)
        .AddCircuitBreaker(new CircuitBreakerStrategyOptions
        {
            FailureRatio = 0.5,
            MinimumThroughput = 10,
            SamplingDuration = TimeSpan.FromSeconds(30),
            BreakDuration = BreakDuration,
            // A browser that has gone says nothing about the provider. A refused code or token is an answer, so nobody opens the breaker by guessing.
            ShouldHandle = a => ValueTask.FromResult(a.Outcome.Result is OidcAnswer.Unavailable || (a.Outcome.Exception is not null && !a.Context.CancellationToken.IsCancellationRequested)),
        })
        .Build();
}
