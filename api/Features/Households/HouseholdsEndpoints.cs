namespace Backend.Features.Households;

/// <summary>户: a leader's list, one household's page, why its tier is what it is, and the facts door.</summary>
internal static class HouseholdsEndpoints
{
    public static void MapHouseholds(this RouteGroupBuilder api)
    {
        var households = api.MapGroup("/households").WithTags("Households");
        ListHouseholds.Map(households);
        ReadHousehold.Map(households);
        ReadDecisionSheet.Map(households);
        ExplainReach.Map(households);
        ReviseFacts.Map(households);
    }
}
