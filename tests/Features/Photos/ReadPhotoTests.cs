using System.Text;
using System.Text.Json;
using Backend.Domain.Accounts;
using Backend.Domain.Grid;
using Backend.Domain.Households;
using Backend.Platform.Files;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Features.Photos;

/// <summary>Photos by capability links (IN07): one photo, one viewer, five minutes, sealed at rest (PD02).</summary>
public sealed class ReadPhotoTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private static readonly DateOnly Day = PostgresFixture.DemoDay;
    private readonly TemporaryFolder _folder = new();
    private Api _api = null!;
    private Scene _scene = null!;
    private Guid _home, _other, _contact, _elsewhere, _leader;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database, new Dictionary<string, string?> { ["Files:Folder"] = _folder.Path });
        _scene = new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("楼层长", Role.FloorLeader, "s.c.a.b.f1", leads: true)
            .Person("楼长", Role.BuildingLeader, "s.c.a.b", leads: true)
            .Person("外人", Role.FloorLeader, "s.c.a.b2.f1", leads: true);
        (_home, _other) = (_scene.Home("s.c.a.b.f1", $"{_scene.Top}-1", Day).Id, _scene.Home("s.c.a.b2.f1", $"{_scene.Top}-2", Day).Id);
        (_contact, _elsewhere, _leader) = (AddPhoto(_scene.Household($"{_scene.Top}-1")), AddPhoto(_scene.Household($"{_scene.Top}-2")), Guid.CreateVersion7());
        _scene.Add(new AccountPhoto { Id = _leader, AccountId = _scene.Account("楼层长").Id, ContentType = "image/png", Width = 160, Height = 160, TakenAt = Api.Noon });
        await _scene.SaveAsync(fixture.Database);
        await fixture.Database.ExecuteAsync("update residents r set photo_id = p.id from photos p where p.household_id = r.household_id");
        await SaveAccountAsync("居民", _home);
        var store = _api.Services.GetRequiredService<PhotoStore>();
        foreach (var photo in (Guid[])[_contact, _elsewhere, _leader]) await store.WriteAsync(photo, Picture(photo), default);
    }

    public async Task DisposeAsync()
    {
        await _api.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A90_IN07_a_households_page_carries_links_to_its_contact_and_its_leader_and_they_open()
    {
        var leader = await SignInAsync("楼长");
        var (contact, by) = await LinksAsync(leader, _home);
        foreach (var (link, photo) in ((string, Guid)[])[(contact!, _contact), (by!, _leader)])
        {
            using var answer = await leader.GetAsync(link);
            Assert.Equal(200, (int)answer.StatusCode);
            Assert.Equal(Picture(photo), await answer.Content.ReadAsByteArrayAsync());
            Assert.Equal("image/png", answer.Content.Headers.ContentType!.ToString());
            Assert.Equal(("attachment", "photo.png"), (answer.Content.Headers.ContentDisposition!.DispositionType, answer.Content.Headers.ContentDisposition.FileName));
            Assert.True(answer.Headers.CacheControl is { Private: true, NoStore: true });
            Assert.Equal(["nosniff"], answer.Headers.GetValues("X-Content-Type-Options"));
            Assert.Equal(1, await AuditAsync(photo, "done"));
        }
    }

    [Fact]
    public async Task A40_a_resident_sees_who_her_leader_is()
    {
        var resident = await SignInAsync("居民");
        var (contact, by) = await LinksAsync(resident, _home);
        foreach (var link in (string[])[contact!, by!]) Assert.Equal(200, (int)(await resident.GetAsync(link)).StatusCode);
    }

    [Fact]
    public async Task IN07_a_link_lasts_five_minutes_and_a_new_one_is_given_at_each_reading()
    {
        var leader = await SignInAsync("楼长");
        var (link, _) = await LinksAsync(leader, _home);
        _api.Clock.Advance(TimeSpan.FromSeconds(299));
        Assert.Equal(200, (int)(await leader.GetAsync(link!)).StatusCode);
        _api.Clock.Advance(TimeSpan.FromSeconds(1));
        await leader.GetAsync(link!).RefusedAsync(404, "not_found");
        Assert.Equal(200, (int)(await leader.GetAsync((await LinksAsync(leader, _home)).Contact!)).StatusCode);
    }

    [Fact]
    public async Task IN07_a_link_is_of_no_use_to_anybody_else()
    {
        var (link, by) = await LinksAsync(await SignInAsync("楼长"), _home);
        // The floor's leader reaches the same household, but by links of her own.
        foreach (var other in (string[])["楼层长", "外人", "居民"])
            foreach (var foreign in (string[])[link!, by!])
                await (await SignInAsync(other)).GetAsync(foreign).RefusedAsync(404, "not_found");
        await _api.Anonymous().GetAsync(link).RefusedAsync(401, "not_signed_in");
    }

    [Fact]
    public async Task IN07_a_forged_link_is_answered_like_a_missing_photo_and_is_audited()
    {
        var leader = await SignInAsync("楼长");
        var (link, _) = await LinksAsync(leader, _home);
        var until = long.Parse(link!.Split("until=")[1].Split('&')[0], System.Globalization.CultureInfo.InvariantCulture);
        var mac = link.Split("mac=")[1];
        string[] forged =
        [
            $"/api/v1/photos/{_contact}",
            $"/api/v1/photos/{_contact}?until={until}",
            $"/api/v1/photos/{_contact}?mac={mac}",
            $"/api/v1/photos/{_contact}?until={until + 1}&mac={mac}",
            $"/api/v1/photos/{_contact}?until=0{until}&mac={mac}",
            $"/api/v1/photos/{_contact}?until=x&mac={mac}",
            $"/api/v1/photos/{_contact}?until={until}&mac={mac}A",
            $"/api/v1/photos/{_contact}?until={until}&mac={(mac[0] == 'A' ? 'B' : 'A')}{mac[1..]}",
            $"/api/v1/photos/{_contact}?until={until}&mac={new string('*', 43)}",
            $"/api/v1/photos/{_elsewhere}?until={until}&mac={mac}",
            $"/api/v1/photos/{Guid.CreateVersion7()}?until={until}&mac={mac}",
        ];
        foreach (var path in forged) await leader.GetAsync(path).RefusedAsync(404, "not_found");
        Assert.Equal(9, await AuditAsync(_contact, "not_found"));
        Assert.Equal(200, (int)(await leader.GetAsync(link)).StatusCode);
    }

    [Fact]
    public async Task AZ07_a_photo_out_of_reach_is_answered_like_one_that_is_not_there_even_with_a_true_link()
    {
        var leader = await SignInAsync("楼层长");
        await leader.GetAsync($"/api/v1/households/{_other}").RefusedAsync(404, "not_found");
        var links = _api.Services.GetRequiredService<PhotoLinks>();
        var answers = new List<string>();
        foreach (var photo in (Guid[])[_elsewhere, Guid.CreateVersion7()])
        {
            using var sql = new SqlCount(fixture.Database);
            var refused = await leader.GetAsync(links.To(photo, _scene.Account("楼层长").Id)!).RefusedAsync(404, "not_found");
            answers.Add($"{sql.Count} {refused.ToString().Replace(refused.GetProperty("traceId").GetString()!, "", StringComparison.Ordinal)}");
        }

        Assert.Equal(answers[0], answers[1]);
    }

    [Fact]
    public async Task AZ11_a_right_that_is_lost_takes_its_links_with_it()
    {
        var leader = await SignInAsync("楼长");
        var (link, _) = await LinksAsync(leader, _home);
        await fixture.Database.ExecuteAsync("delete from assignments where post_id in (select post_id from appointments where account_id = $1)", _scene.Account("楼长").Id);
        _api.Clock.Advance(TimeSpan.FromSeconds(4));
        await leader.GetAsync(link!).RefusedAsync(404, "not_found");
    }

    [Fact]
    public async Task PD02_a_photo_at_rest_is_sealed_and_bound_to_its_id()
    {
        var files = Directory.GetFiles(_folder.Path, "*", SearchOption.AllDirectories);
        Assert.Equal(3, files.Length);
        foreach (var file in files) Assert.Equal(-1, (await File.ReadAllBytesAsync(file)).AsSpan().IndexOf("a picture of"u8));

        // Exchanged: neither opens under the other's name, and operators are told.
        var leader = await SignInAsync("楼长");
        var (link, _) = await LinksAsync(leader, _home);
        File.Copy(files.Single(f => f.EndsWith($"{_elsewhere:N}", StringComparison.Ordinal)), files.Single(f => f.EndsWith($"{_contact:N}", StringComparison.Ordinal)), overwrite: true);
        await leader.GetAsync(link!).RefusedAsync(404, "not_found");
        Assert.Contains(_api.Errors, e => e.Contains("photo_unreadable", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Without_a_store_no_link_is_given_and_RL23_a_folder_that_is_not_there_stops_the_start()
    {
        await using (var bare = await Api.StartAsync(fixture.Database))
            Assert.Equal(((string?)null, (string?)null), await LinksAsync(await bare.SignInAsync(_scene.OpenIdOf("楼长")), _home));
        var refused = await Assert.ThrowsAnyAsync<Exception>(() =>
            Api.StartAsync(fixture.Database, new Dictionary<string, string?> { ["Files:Folder"] = Path.Combine(_folder.Path, "none") }));
        Assert.Contains("Files:Folder", refused.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AZ05_the_photo_of_an_account_without_a_post_is_seen_by_nobody_else()
    {
        var photo = Guid.CreateVersion7();
        _scene.Add(new AccountPhoto { Id = photo, AccountId = _scene.Account("居民").Id, ContentType = "image/png", Width = 160, Height = 160, TakenAt = Api.Noon });
        await _scene.SaveAsync(fixture.Database);
        await _api.Services.GetRequiredService<PhotoStore>().WriteAsync(photo, Picture(photo), default);
        var links = _api.Services.GetRequiredService<PhotoLinks>();
        await (await SignInAsync("楼长")).GetAsync(links.To(photo, _scene.Account("楼长").Id)!).RefusedAsync(404, "not_found");
        Assert.Equal(200, (int)(await (await SignInAsync("居民")).GetAsync(links.To(photo, _scene.Account("居民").Id)!)).StatusCode);
    }

    private static byte[] Picture(Guid photo) => Encoding.UTF8.GetBytes($"a picture of {photo}");

    private Guid AddPhoto(Household household)
    {
        var id = Guid.CreateVersion7();
        _scene.Add(new Photo { Id = id, HouseholdId = household.Id, NodePath = household.NodePath, ContentType = "image/png", Width = 160, Height = 160, TakenAt = Api.Noon });
        return id;
    }

    private async Task SaveAccountAsync(string name, Guid home)
    {
        _scene.Known(name).ResidentId = await fixture.Database.ScalarAsync<Guid>("select id from residents where household_id = $1", home);
        await _scene.SaveAsync(fixture.Database);
    }

    private Task<SignedIn> SignInAsync(string name) => _api.SignInAsync(_scene.OpenIdOf(name));

    private static async Task<(string? Contact, string? Leader)> LinksAsync(SignedIn who, Guid home)
    {
        var page = await who.GetAsync($"/api/v1/households/{home}").OkAsync();
        return (Url(page.GetProperty("people")[0]), Url(page.GetProperty("leader")));
    }

    private static string? Url(JsonElement person) => person.GetProperty("photoUrl").GetString();

    private Task<long> AuditAsync(Guid photo, string result) => fixture.Database.ScalarAsync<long>(
        "select count(*) from audit_entries where operation = 'readPhoto' and result = $1 and target_ids = array[$2]::uuid[]", result, photo);
}
