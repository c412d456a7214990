namespace Backend.Features.Privacy;

/// <summary>What a person is told, agrees to, sees, copies and asks for about her own data (PD06 to PD09).</summary>
internal static class PrivacyEndpoints
{
    public static void MapPrivacy(this RouteGroupBuilder api)
    {
        ReadPrivacyNotice.Map(api.MapGroup("/privacy-notice").WithTags("Privacy"));
        var me = api.MapGroup("/me").WithTags("Privacy");
        ListConsents.Map(me);
        RecordConsent.Map(me);
        WithdrawConsent.Map(me);
        ReadMyData.Map(me);
        var requests = api.MapGroup("/rights-requests").WithTags("Privacy");
        FileRightsRequest.Map(requests);
        ListRightsRequests.Map(requests);
        DecideRightsRequest.Map(requests);
        ListGuardianships.Map(api.MapGroup("/households").WithTags("Privacy"));
        RecordGuardianship.Map(api.MapGroup("/residents").WithTags("Privacy"));
        EndGuardianship.Map(api.MapGroup("/guardianships").WithTags("Privacy"));
    }
}
