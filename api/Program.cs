using Backend.Features.Admin;
using Backend.Features.Audit;
using Backend.Features.Bindings;
using Backend.Features.Grid;
using Backend.Features.Households;
using Backend.Features.Notices;
using Backend.Features.Oidc;
using Backend.Features.Photos;
using Backend.Features.Privacy;
using Backend.Features.Readings;
using Backend.Features.Sessions;
using Backend.Features.Staff;
using Backend.Features.Tiers;
using Backend.Features.Wall;
using Backend.Platform;
using Backend.Platform.Audit;
using Backend.Platform.OpenApi;
using Backend.Platform.Realtime;
using Backend.Platform.Security;

if (args is ["admin", .. var words]) return await AdminCommands.RunAsync(words);

var builder = WebApplication.CreateBuilder(args);
builder.AddPlatform();
builder.Services.AddHostedService<ReevaluateDueHouseholds>();
builder.Services.AddHostedService<ForgetExpired>();
builder.Services.AddWall();
builder.Services.AddNotices(builder.Configuration);
builder.Services.AddRealtime(builder.Configuration);

var app = builder.Build();
app.UseReadyWalls();
app.UsePlatform();

var api = app.MapGroup("/api/v1").AuditDenials();
api.MapSessions();
api.MapOidc();
api.MapBindings();
api.MapStaff();
api.MapGrid();
api.MapWall();
api.MapHouseholds();
api.MapPhotos();
api.MapReadings();
api.MapAudit();
api.MapNotices();
api.MapPrivacy();

app.MapLiveHub();
app.MapWallPage();
app.MapReadingsPage();
app.MapHealth();
app.MapPublishedKeys();
app.MapContract();
app.MapDocs();

return await app.RunOrRefuseAsync();
