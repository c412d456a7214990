using Backend.Domain.Messages;
using Backend.Platform.Outbox;

namespace Backend.Features.Notices;

/// <summary>通知: from a rise to people told; the account's own in-app messages, reading one, taking on what it lists, and consents to messages.</summary>
internal static class NoticesEndpoints
{
    /// <summary>The outbox with this feature's handlers.</summary>
    public static void AddNotices(this IServiceCollection services, IConfiguration configuration) =>
        services.AddOutbox(configuration, catalogue => catalogue.Handle<TierChanged, AlarmLeaders>().Handle<BatchFinished, TellBatch>().Handle<EmergencyAccessOpened, TellOfEmergency>());

    public static void MapNotices(this RouteGroupBuilder api)
    {
        var notices = api.MapGroup("/notices").WithTags("Notices");
        ListNotices.Map(notices);
        ReadNotice.Map(notices);
        AcknowledgeNotice.Map(notices);

        var consents = api.MapGroup("/me/wechat-consents").WithTags("Notices");
        ReadWeChatConsents.Map(consents);
        RecordWeChatConsents.Map(consents);
    }
}
