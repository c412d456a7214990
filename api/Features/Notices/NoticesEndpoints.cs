namespace Backend.Features.Notices;

/// <summary>通知: the account's own in-app messages; reading one, and taking on what it lists.</summary>
internal static class NoticesEndpoints
{
    public static void MapNotices(this RouteGroupBuilder api)
    {
        var notices = api.MapGroup("/notices").WithTags("Notices");
        ListNotices.Map(notices);
        ReadNotice.Map(notices);
        AcknowledgeNotice.Map(notices);
    }
}
