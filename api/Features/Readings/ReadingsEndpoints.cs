using Backend.Platform;
using Backend.Platform.Security;

namespace Backend.Features.Readings;

/// <summary>Readings of personal data: a full number, and who has looked at what.</summary>
internal static class ReadingsEndpoints
{
    public static void MapReadings(this RouteGroupBuilder api)
    {
        RevealPhone.Map(api.MapGroup("/households").WithTags("Readings"));
        ListReadings.Map(api.MapGroup("/me").WithTags("Readings"));
        var accesses = api.MapGroup("/emergency-accesses").WithTags("Readings");
        OpenEmergencyAccess.Map(accesses);
        ListEmergencyAccesses.Map(accesses);
        EndEmergencyAccess.Map(accesses);
    }

    /// <summary>The page at <c>/me</c>, on which a resident sees who looked at her data.</summary>
    public static void MapReadingsPage(this WebApplication app) =>
        app.MapGet("/me", (HttpContext http, IWebHostEnvironment environment) => Pages.Answer(http, environment, "wall/me.html"))
            .WithName("openReadings").ExcludeFromDescription().WithMetadata(new UnguardedAttribute("the page's own file; its data is fetched from guarded operations"));
}
