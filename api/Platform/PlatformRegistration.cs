using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.RateLimiting;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.Files;
using Backend.Platform.Oidc;
using Backend.Platform.OpenApi;
using Backend.Platform.Outbox;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Platform.WeChat;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Backend.Platform;

/// <summary>Puts the platform together: what every feature stands on, in the order in which a request meets it.</summary>
internal static class PlatformRegistration
{
    private const int MaxBody = 256 * 1024;

    public static void AddPlatform(this WebApplicationBuilder builder)
    {
        var (services, configuration) = (builder.Services, builder.Configuration);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            // IN05: Kestrel bounds neither connections nor upgraded ones by itself.
            kestrel.Limits.MaxRequestBodySize = MaxBody;
            kestrel.Limits.MaxConcurrentConnections = 20_000;
            kestrel.Limits.MaxConcurrentUpgradedConnections = 10_000;
            kestrel.AddServerHeader = false;
        });
        // Nothing in the pipeline blocks, so what a socket has brought may be worked on where it arrived: a hop through the pool less for each read and write.
        builder.WebHost.UseSockets(sockets => sockets.UnsafePreferInlineScheduling = true);
        // "Request starting" would write the query, and with it a ticket (PD05, RL09).
        builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.Warning);
        // The framework's own switch would believe anybody.
        services.PostConfigure<ForwardedHeadersOptions>(o => o.ForwardedHeaders = ForwardedHeaders.None);
        services.AddHttpContextAccessor();
        services.TryAddSingleton(TimeProvider.System);
        services.AddPersistence(configuration);
        services.AddSecurity(configuration);
        services.AddAudit(configuration);
        services.AddWeChat(configuration);
        services.AddOidc(configuration);
        services.AddSingleton<TierDesk>();
        services.AddFiles(configuration);

        services.AddValidation();
        services.ConfigureHttpJsonOptions(json => Configure(json.SerializerOptions));
        // Before the framework's own writer, which gives way to what a client says it accepts.
        services.AddSingleton<IProblemDetailsWriter, ProblemWriter>();
        services.AddProblemDetails();
        services.AddContract();
        services.AddLimits(configuration);
        services.AddSingleton<StartupChecks>();
        services.AddSingleton<Readiness>();
        services.AddShutdown(configuration);
        services.AddHostedService<MemoryAtRest>();
        // A refusal of input reaches the exception handler with its cause, which can then name the bad member.
        services.Configure<RouteHandlerOptions>(o => o.ThrowOnBadRequest = true);
    }

    public static void UsePlatform(this WebApplication app)
    {
        // Read when the pipeline is made, which is after the checks that say what is wrong with it.
        app.Use(next => Proxies.Of(app.Configuration) is { } proxies ? new ForwardedHeadersMiddleware(next, app.Services.GetRequiredService<ILoggerFactory>(), Options.Create(proxies)).Invoke : next);
        app.UseExceptionHandler(new ExceptionHandlerOptions
        {
            ExceptionHandler = Failures.AnswerAsync,
            // Neither is a fault of this program; an outage is said once a request, by Failures.
            SuppressDiagnosticsCallback = context => context.Exception is BadHttpRequestException || DatabaseFaults.IsOutage(context.Exception),
        });
        app.UseStatusCodePages(context => Problems.WriteAsync(context.HttpContext, Problems.OfStatus(context.HttpContext.Response.StatusCode)));
        app.UseMiddleware<ReadAgain>();
        app.UseMiddleware<SafeHeaders>();
        app.UseMiddleware<PlainPaths>();
        app.UseStaticFiles();
        app.UseRouting();
        app.UseWebSockets();
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseRateLimiter();
        app.UseMiddleware<JsonBodies>();
        app.UseMiddleware<RereadableBody>();
        app.UseMiddleware<Guard>();
    }

    /// <summary>One way of JSON for HTTP and for stored answers: camelCase, enums as lower_snake_case, nothing unknown, nothing twice, no null where none may be.</summary>
    public static void Configure(JsonSerializerOptions json)
    {
        json.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        json.AllowDuplicateProperties = false;
        json.RespectNullableAnnotations = true;
        json.RespectRequiredConstructorParameters = true;
        json.MaxDepth = 32;
        json.NumberHandling = JsonNumberHandling.Strict;
        json.Encoder = System.Text.Encodings.Web.JavaScriptEncoder.Create(System.Text.Unicode.UnicodeRanges.All);
        json.Converters.Add(new EnumWords());
    }

    private static void AddSecurity(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddSingleton(_ => new Vault(VaultOptions.Of(configuration)));
        services.AddSingleton(_ => (configuration.GetSection("Tokens").Get<TokenOptions>() ?? new TokenOptions()).Checked());
        services.AddSingleton<Tokens>();
        services.AddSingleton<Passwords>();
        services.AddSingleton<SecondFactors>();
        services.AddSingleton(_ => StrictLimits.Of(configuration));
        services.AddSingleton<SharedLimits>();
        services.AddScoped<Cursors>();
        services.AddSingleton(_ => PolicyTable.Load());
        // At once: a table with a hole stops the start.
        services.AddSingleton(FieldRights.Load());
        services.AddHostedSingleton<RightsCache>();
        services.AddScoped<CurrentAccount>();
        services.AddScoped<IScopeSource>(s => s.GetRequiredService<CurrentAccount>());
        services.AddBackendAuthentication();
    }

    /// <summary>Limits of each replica by account, and by address for those who have not signed in; those of all replicas together are <see cref="SharedLimits"/> (RL17).</summary>
    private static void AddLimits(this IServiceCollection services, IConfiguration configuration)
    {
        var perAccount = configuration.GetValue("RateLimits:AccountPerMinute", 1200);
        var perAddress = configuration.GetValue("RateLimits:AddressPerMinute", 1200);
        services.AddRateLimiter(limiter =>
        {
            limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(http =>
            {
                var account = SessionClaims.AccountId(http.User);
                return RateLimitPartition.GetTokenBucketLimiter(
                    account?.ToString() ?? $"address {SharedLimits.Address(http)}",
                    _ => Bucket(account is null ? perAddress : perAccount));
            });
            limiter.OnRejected = async (context, cancellation) =>
            {
                context.HttpContext.Response.Headers.RetryAfter = "10";
                await Problems.WriteAsync(context.HttpContext, Problems.TooManyRequests);
            };
        });

        static TokenBucketRateLimiterOptions Bucket(int perMinute) => new()
        {
            TokenLimit = perMinute,
            TokensPerPeriod = Math.Max(1, perMinute / 6),
            ReplenishmentPeriod = TimeSpan.FromSeconds(10),
            QueueLimit = 0,
        };
    }
}

/// <summary>What an exception means to the caller: never a detail of ours (PD05, IN01).</summary>
internal static class Failures
{
    public static async Task AnswerAsync(HttpContext http)
    {
        var failure = http.Features.Get<IExceptionHandlerFeature>();
        var error = failure?.Error;
        // What the answer had before it failed was taken off.
        SafeHeaders.Add(http.Response.Headers, http.RequestServices.GetRequiredService<IHostEnvironment>());
        switch (error)
        {
            case BadHttpRequestException { InnerException: JsonException json }:
                var path = json.Path is { Length: > 2 } p ? p[2..] : "";
                await Problems.MalformedBody.Result(new Dictionary<string, string[]> { [path] = ["格式不对，或不是已知的字段"] }).ExecuteAsync(http);
                break;
            case BadHttpRequestException bad:
                await Problems.WriteAsync(http, bad.StatusCode == 400 ? Problems.Invalid : Problems.OfStatus(bad.StatusCode));
                break;
            case not null when DatabaseFaults.IsOutage(error):
                http.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(Failures))
                    .LogWarning("{Method} {Route}: the database is away or too slow: {Fault}.", http.Request.Method,
                        (failure?.Endpoint as RouteEndpoint)?.RoutePattern.RawText, DatabaseFaults.NameOf(error));
                http.Response.Headers.RetryAfter = "2";
                await Problems.WriteAsync(http, Problems.DatabaseUnavailable);
                break;
            // What a row hangs on was taken away, or what was to be taken away has got something: the earlier of two who met.
            case PostgresException { SqlState: PostgresErrorCodes.ForeignKeyViolation }:
            case Microsoft.EntityFrameworkCore.DbUpdateException { InnerException: PostgresException { SqlState: PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.ForeignKeyViolation } }:
                await Problems.WriteAsync(http, Problems.Conflict);
                break;
            default:
                await Problems.WriteAsync(http, Problems.Unexpected);
                break;
        }
    }
}

/// <summary>
/// An address with a line's end or another control character in it is no address of ours. It is turned away here because the framework writes paths into its
/// log, where such a character would begin a line that nobody has written (PD05).
/// </summary>
internal sealed class PlainPaths(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext http) =>
        http.Request.Path.Value?.Any(c => char.IsControl(c) || c is '\u2028' or '\u2029') == true ? Problems.WriteAsync(http, Problems.NotFound) : next(http);
}

/// <summary>Headers that every answer carries (IN13). Personal data is never stored by a browser or a proxy; the wall sets its own rule.</summary>
internal sealed class SafeHeaders(RequestDelegate next, IHostEnvironment environment)
{
    public Task InvokeAsync(HttpContext http)
    {
        Add(http.Response.Headers, environment);
        // In whatever letters, as routing takes it.
        if (http.Request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase)) http.Response.Headers.CacheControl = "no-store";
        return next(http);
    }

    public static void Add(IHeaderDictionary headers, IHostEnvironment environment)
    {
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers.ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        if (environment.IsProduction()) headers.StrictTransportSecurity = "max-age=31536000";
    }
}
