using System.Collections.Concurrent;
using System.Text.Encodings.Web;
using Backend.Domain.Accounts;
using Backend.Domain.Privacy;
using Backend.Platform.Errors;
using Backend.Platform.Persistence;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Backend.Platform.Security;

/// <summary>
/// Three ways to say who calls: a bearer token in the header (mini-program), the cookie of a display session (a staff wall in a browser), and
/// for the hub alone a single-use ticket in the query (RL09). A token in a query string is never read.
/// </summary>
internal static class Authentication
{
    public const string DisplayCookie = "display";
    public const string HubPath = "/hubs/live";
    private const string Choose = "choose", Display = "display", HubTicket = "hub-ticket";

    public static IServiceCollection AddBackendAuthentication(this IServiceCollection services)
    {
        services.AddSingleton<KnownDisplays>();
        services.AddAuthentication(Choose)
            .AddPolicyScheme(Choose, null, o => o.ForwardDefaultSelector = http =>
                http.Request.Headers.ContainsKey("Authorization") ? JwtBearerDefaults.AuthenticationScheme
                : http.Request.Path.StartsWithSegments(HubPath, StringComparison.Ordinal) && http.Request.Query.ContainsKey("ticket") ? HubTicket
                : http.Request.Cookies.ContainsKey(DisplayCookie) ? Display
                : JwtBearerDefaults.AuthenticationScheme)
            .AddJwtBearer()
            .AddScheme<AuthenticationSchemeOptions, DisplayHandler>(Display, null)
            .AddScheme<AuthenticationSchemeOptions, HubTicketHandler>(HubTicket, null);
        services.AddOptions<JwtBearerOptions>(JwtBearerDefaults.AuthenticationScheme).Configure<Tokens, TimeProvider>((jwt, tokens, clock) =>
        {
            jwt.TimeProvider = clock;
            jwt.MapInboundClaims = false;
            jwt.TokenValidationParameters = tokens.Validation;
            jwt.TokenHandlers.Clear();
            jwt.TokenHandlers.Add(new CheckedTokens(clock));
            jwt.IncludeErrorDetails = false;
            // Nobody asks for it again, and a hub connection would keep it for its life.
            jwt.SaveToken = false;
            jwt.Events = new JwtBearerEvents
            {
                OnChallenge = async challenge =>
                {
                    challenge.HandleResponse();
                    await Problems.WriteAsync(challenge.HttpContext, Problems.NotSignedIn);
                },
            };
        });
        services.AddAuthorization(o => o.FallbackPolicy = null);
        // Sign-in of the framework brings a ring of keys for cookies and puts it on disk at each start. Nothing here is protected with it.
        foreach (var ring in services.Where(s => s.ImplementationType?.Name == "DataProtectionHostedService").ToList()) services.Remove(ring);
        return services;
    }

    /// <summary>Finds the session of a cookie by its hash and gives its principal. Known ones cost no SQL while their rights are known too.</summary>
    private sealed class DisplayHandler(
        IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder, AppDataSource source, RightsCache cache, KnownDisplays known, TimeProvider clock)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
    {
        protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
        {
            var cookie = Request.Cookies[DisplayCookie] ?? "";
            if (known.Find(cookie) is { } session && cache.TryGet(session, out var rights)) return Success(rights.AccountId, session);
            var found = await SignIn.FindSessionAsync(source, [Tokens.Hash(cookie)], Context.RequestAborted);
            if (found is not { Kind: SessionKind.Display or SessionKind.Hall, EndedAt: null } || found.ExpiresAt <= clock.GetUtcNow()) return AuthenticateResult.NoResult();
            known.Add(cookie, found.Id);
            return Success(found.AccountId, found.Id);
        }

        private AuthenticateResult Success(Guid account, Guid session) =>
            AuthenticateResult.Success(new AuthenticationTicket(SessionClaims.Principal(account, session, Scheme.Name), Scheme.Name));

        protected override Task HandleChallengeAsync(AuthenticationProperties properties) => Problems.WriteAsync(Context, Problems.SessionEnded);
    }

    /// <summary>Takes a hub ticket, once.</summary>
    private sealed class HubTicketHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder, AppDataSource source, TimeProvider clock)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
    {
        protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
        {
            // A ticket opens a WebSocket and nothing else: no negotiation, no long polling.
            if (!Context.WebSockets.IsWebSocketRequest) return AuthenticateResult.NoResult();
            var taken = await SignIn.TakeTicketAsync(source, Request.Query["ticket"].ToString(), TicketPurpose.Hub, clock.GetUtcNow(), Context.RequestAborted);
            return taken is { } t
                ? AuthenticateResult.Success(new AuthenticationTicket(SessionClaims.Principal(t.AccountId, t.SessionId, Scheme.Name), Scheme.Name))
                : AuthenticateResult.NoResult();
        }

        protected override Task HandleChallengeAsync(AuthenticationProperties properties) => Problems.WriteAsync(Context, Problems.TicketInvalid);
    }
}

/// <summary>Which display session a cookie stands for, which never changes; whether it is valid now is asked of its rights each time.</summary>
internal sealed class KnownDisplays
{
    private const int MaxEntries = 10_000;

    private readonly ConcurrentDictionary<string, Guid> _sessions = new(StringComparer.Ordinal);

    public Guid? Find(string cookie) => _sessions.TryGetValue(cookie, out var session) ? session : null;

    public void Add(string cookie, Guid session)
    {
        if (_sessions.Count >= MaxEntries) _sessions.Clear();
        _sessions[cookie] = session;
    }
}

internal sealed record FoundSession(
    Guid Id, Guid AccountId, SessionKind Kind, bool IsCurrent, DateTimeOffset? RotatedAt, DateTimeOffset LastUsedAt, DateTimeOffset ExpiresAt, DateTimeOffset? EndedAt);

internal sealed record HeldBindingTicket(Guid Id, byte[] OpenId);

/// <param name="Id">The ticket.</param>
/// <param name="OpenId">Sealed as <see cref="SealedFields.BindingOpenId"/>.</param>
/// <param name="IsTaken">The code was taken with this ticket before.</param>
internal sealed record HeldPhoneTicket(Guid Id, byte[] OpenId, bool IsTaken);

/// <summary>Whose a number is alone, with her birth date, if one is recorded, and whether a guardian consents to a contact of hers.</summary>
internal sealed record FoundByPhone(Guid Id, Guid? BirthId, byte[]? Birth, bool IsConsented);

/// <summary>How it stands with a WeChat identity that no account has.</summary>
internal enum BindingState
{
    None,
    /// <summary>A request of it waits for a leader.</summary>
    Waiting,
    /// <summary>It had an account until that was bound to another one.</summary>
    Moved,
}

internal sealed record TakenTicket(Guid AccountId, Guid SessionId, Guid? NodeId, Guid? DisplayId);

/// <summary>What must be found before an account is known: through the sign-in functions alone, which see only these columns.</summary>
internal static class SignIn
{
    public static async Task<FoundSession?> FindSessionAsync(AppDataSource source, byte[][] hashes, CancellationToken cancellation)
    {
        await using var command = source.Source.CreateCommand("select * from app.session_of_token(@hashes)");
        command.Parameters.Add(new NpgsqlParameter("hashes", hashes));
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        if (!await reader.ReadAsync(cancellation)) return null;
        DateTimeOffset? Moment(int i) => reader.IsDBNull(i) ? null : reader.GetFieldValue<DateTimeOffset>(i);
        return new FoundSession(reader.GetGuid(0), reader.GetGuid(1), SnakeCase.Parse<SessionKind>(reader.GetString(2)), reader.GetBoolean(3),
            Moment(4), Moment(5)!.Value, Moment(6)!.Value, Moment(7));
    }

    public static async Task<TakenTicket?> TakeTicketAsync(AppDataSource source, string ticket, TicketPurpose purpose, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = source.Source.CreateCommand("select * from app.take_ticket(@hash, @purpose, @now)");
        command.Parameters.Add(new NpgsqlParameter("hash", Tokens.Hash(ticket)));
        command.Parameters.Add(new NpgsqlParameter("purpose", SnakeCase.Of(purpose)));
        command.Parameters.Add(new NpgsqlParameter("now", now));
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        return await reader.ReadAsync(cancellation)
            ? new TakenTicket(reader.GetGuid(0), reader.GetGuid(1), reader.IsDBNull(2) ? null : reader.GetGuid(2), reader.IsDBNull(3) ? null : reader.GetGuid(3))
            : null;
    }

    /// <summary>The WeChat identity behind a binding ticket that still holds; sealed as <see cref="SealedFields.BindingOpenId"/>.</summary>
    public static Task<HeldBindingTicket?> FindBindingTicketAsync(BackendDb db, byte[] hash, CancellationToken cancellation) =>
        db.Database.SqlQuery<HeldBindingTicket>($"select id, open_id from app.binding_ticket({hash}, {db.Now})").SingleOrDefaultAsync(cancellation);

    /// <summary>Uses an invite up for the identity behind a ticket. False: it does not exist, is used, ended or revoked.</summary>
    public static Task<bool> RequestBindingAsync(BackendDb db, byte[] ticket, byte[] invite, Sealed openId, CancellationToken cancellation) =>
        db.Database.SqlQuery<bool>($"select app.request_binding({ticket}, {invite}, {openId.Bytes}, {db.Now}) as \"Value\"").SingleAsync(cancellation);

    /// <summary>The ticket that still holds, looked at without a transaction: a call to WeChat follows.</summary>
    public static async Task<HeldPhoneTicket?> FindBindingTicketAsync(AppDataSource source, byte[] hash, byte[] phoneCode, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = source.Source.CreateCommand("select id, open_id, is_taken from app.binding_ticket(@hash, @code, @now)");
        command.Parameters.Add(new NpgsqlParameter("hash", hash));
        command.Parameters.Add(new NpgsqlParameter("code", phoneCode));
        command.Parameters.Add(new NpgsqlParameter("now", now));
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        return await reader.ReadAsync(cancellation) ? new HeldPhoneTicket(reader.GetGuid(0), reader.GetFieldValue<byte[]>(1), reader.GetBoolean(2)) : null;
    }

    /// <summary>Whose the number is; null when it is nobody's or several people's.</summary>
    public static Task<FoundByPhone?> FindByPhoneAsync(BackendDb db, byte[] ticket, byte[][] phoneIndexes, CancellationToken cancellation) =>
        db.Database.SqlQuery<FoundByPhone>($"select id, birth_id, birth, is_consented from app.resident_of_phone({ticket}, {phoneIndexes}, {db.Now})").SingleOrDefaultAsync(cancellation);

    /// <summary>Takes the code with the ticket, and makes the request if there is somebody whom it is for. False: the ticket no longer holds.</summary>
    public static Task<bool> RequestBindingByPhoneAsync(
        BackendDb db, byte[] ticket, byte[] phoneCode, Guid? resident, byte[][] phoneIndexes, Guid request, Sealed openId, CancellationToken cancellation) =>
        db.Database.SqlQuery<bool>($"""
            select app.request_binding_by_phone({ticket}, {phoneCode}, {resident}, {phoneIndexes}, {request}, {openId.Bytes}, {db.Now}, {db.Now - BindingRequest.Lifetime}) as "Value"
            """).SingleAsync(cancellation);

    public static async Task<BindingState> BindingStateAsync(BackendDb db, byte[][] openIdIndexes, CancellationToken cancellation) => SnakeCase.Parse<BindingState>(
        await db.Database.SqlQuery<string>($"select app.binding_state({openIdIndexes}, {db.Now - BindingRequest.Lifetime}) as \"Value\"").SingleAsync(cancellation));

    /// <summary>Binds the identity of a request that the caller has approved. Null: it is bound to somebody else by now, or the account is disabled.</summary>
    public static Task<Guid?> BindAsync(BackendDb db, Guid request, string name, Guid identity, Sealed openId, byte[][] openIdIndexes, CancellationToken cancellation) =>
        db.Database.SqlQuery<Guid?>($"select app.bind_resident({request}, {Guid.CreateVersion7(db.Now)}, {name}, {identity}, {openId.Bytes}, {openIdIndexes}, {db.Now}) as \"Value\"").SingleAsync(cancellation);
}
