namespace Backend.Features.Audit;

/// <summary>审计记录, for the administration that looks at the others.</summary>
internal static class AuditEndpoints
{
    public static void MapAudit(this RouteGroupBuilder api)
    {
        var entries = api.MapGroup("/audit-entries").WithTags("Audit");
        ListAuditEntries.Map(entries);
        ExportAuditEntries.Map(entries);
    }
}
