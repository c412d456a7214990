using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

namespace Backend.Platform.WeChat;

/// <summary>Calls that fail together. Each group has its own breaker and its own places: stuck messages must not stop logins.</summary>
internal enum CallGroup
{
    Login,
    Token,
    Messages,
    Phone,
}

/// <summary>
/// Time limits, bounded parallelism, repeats and a breaker for each group (RL12, RL18). The pipelines wrap the whole exchange with the reading of the
/// answer and not the HTTP handler: WeChat says "busy" in a body with status 200, and a handler's time limit ends at the headers.
/// From the outside in: total limit, places, repeats, breaker, limit of one exchange.
/// Time here is the machine's own: it bounds waits on a network and is no time of the domain.
/// </summary>
internal sealed class CallLimits
{
    private readonly ResiliencePipeline _login, _token, _messages, _phone;
    private long _phonesNotBefore;

    public CallLimits(WeChatOptions options, ILoggerFactory? loggers = null, TimeProvider? machine = null)
    {
        Machine = machine ?? TimeProvider.System;
        var one = options.AnswerLimit;

        // A person waits: one repeat after "busy", and an answer of ours within the limit (RL12: a login fails within 5 s).
        LoginTotal = one * 0.9;
        _login = Build(CallGroup.Login, LoginTotal, one, retries: 1, options.RetryDelay / 2, onlyDefinite: true);

        // Harmless to repeat: WeChat gives the same token again while it is valid.
        TokenTotal = one * 3;
        _token = Build(CallGroup.Token, TokenTotal, one, retries: 3, options.RetryDelay, onlyDefinite: false);

        // Not idempotent: WeChat knows no id of ours, so only its own "busy" is repeated here; the rest is the sender's schedule.
        MessageTotal = one * 2;
        _messages = Build(CallGroup.Messages, MessageTotal, one, retries: 2, options.RetryDelay, onlyDefinite: true);

        // As a login: a person waits, and a code is used once. Its total holds the token's renewal too.
        PhoneTotal = LoginTotal;
        _phone = Build(CallGroup.Phone, PhoneTotal, one, retries: 1, options.RetryDelay / 2, onlyDefinite: true);

        ResiliencePipeline Build(CallGroup group, TimeSpan total, TimeSpan exchange, int retries, TimeSpan delay, bool onlyDefinite)
        {
            var builder = new ResiliencePipelineBuilder { Name = "wechat", InstanceName = group.ToString(), TimeProvider = Machine };
            builder
                .AddTimeout(total)
                .AddConcurrencyLimiter(options.ParallelCalls, options.ParallelCalls * 2)
                .AddRetry(new RetryStrategyOptions
                {
                    MaxRetryAttempts = retries,
                    Delay = delay,
                    BackoffType = DelayBackoffType.Exponential,
                    UseJitter = true,
                    ShouldHandle = a => ValueTask.FromResult(
                        (a.Outcome.Result as Answer)?.IsDefiniteBusy == true
                        || (!onlyDefinite && (a.Outcome.Exception is TimeoutRejectedException || (a.Outcome.Result as Answer)?.IsOutage == true))),
                })
                .AddCircuitBreaker(new CircuitBreakerStrategyOptions
                {
                    FailureRatio = 0.5,
                    MinimumThroughput = 10,
                    SamplingDuration = TimeSpan.FromSeconds(30),
                    BreakDuration = BreakDuration,
                    ShouldHandle = a => ValueTask.FromResult(
                        a.Outcome.Exception is TimeoutRejectedException || (a.Outcome.Result as Answer)?.IsOutage == true),
                })
                .AddTimeout(exchange);
            if (loggers is not null) builder.ConfigureTelemetry(loggers);
            return builder.Build();
        }
    }

    /// <summary>How long a breaker stays open before it lets one call through.</summary>
    public static TimeSpan BreakDuration { get; } = TimeSpan.FromSeconds(5);

    public TimeProvider Machine { get; }
    public TimeSpan LoginTotal { get; }
    public TimeSpan TokenTotal { get; }
    public TimeSpan MessageTotal { get; }
    public TimeSpan PhoneTotal { get; }

    /// <summary>WeChat has said "too frequent": no phone code goes out before this moment of the domain's clock. Each replica learns it by itself.</summary>
    public DateTimeOffset PhonesNotBefore
    {
        get => new(Interlocked.Read(ref _phonesNotBefore), TimeSpan.Zero);
        set => Interlocked.Exchange(ref _phonesNotBefore, value.UtcTicks);
    }

    public ResiliencePipeline this[CallGroup group] => group switch
    {
        CallGroup.Login => _login,
        CallGroup.Token => _token,
        CallGroup.Messages => _messages,
        CallGroup.Phone => _phone,
        _ => throw new ArgumentOutOfRangeException(nameof(group)),
    };
}
