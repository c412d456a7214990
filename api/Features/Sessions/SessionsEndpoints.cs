namespace Backend.Features.Sessions;

/// <summary>Sign-in, renewal and end of sessions; who am I; tickets for hub and display.</summary>
internal static class SessionsEndpoints
{
    public static void MapSessions(this RouteGroupBuilder api)
    {
        var sessions = api.MapGroup("/sessions").WithTags("Sessions");
        SignInWithWeChat.Map(sessions);
        SignInWithPassword.Map(sessions);
        RefreshSession.Map(sessions);
        EndSession.Map(sessions);
        StepUpSession.Map(sessions);
        ListSessions.Map(sessions);
        EndSessionById.Map(sessions);

        var me = api.MapGroup("/me").WithTags("Sessions");
        ReadMe.Map(me);
        ChangePassword.Map(me);
        BeginAuthenticator.Map(me);
        SetAuthenticator.Map(me);
        CreateTicket.Map(api.MapGroup("/tickets").WithTags("Sessions"));
    }
}

/// <summary>What signing in and renewing answer.</summary>
/// <param name="AccessToken">Bearer token for the <c>Authorization</c> header, 15 minutes.</param>
/// <param name="RefreshToken">Single use; each use answers the next one. 30 days at most, 7 days idle; at a browser 12 hours, 30 minutes idle.</param>
/// <param name="ExpiresIn">Seconds until the access token ends.</param>
public sealed record SessionTokens(string AccessToken, string RefreshToken, int ExpiresIn);
