using System.Globalization;
using Backend.Domain.Grid;
using Backend.Domain.Households;
using Backend.Platform.Files;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Backend.Tests.Features.Privacy;

/// <summary>The privacy notice before the first use, the consent ledger, guardians and children (PD06, PD07; docs/adr/022).</summary>
public sealed class ConsentsTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private static readonly DateOnly Day = PostgresFixture.DemoDay;
    private readonly TemporaryFolder _files = new();
    private Api _api = null!;
    private Scene _scene = null!;
    private Guid _child, _youth;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database, new Dictionary<string, string?> { ["Files:Folder"] = _files.Path });
        _scene = new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("楼层长", Role.FloorLeader, "s.c.a.b.f1", leads: true)
            .Person("员工", Role.Staff, "s.c");
        _scene.Home("s.c.a.b.f1", Door(1), Day);
        _scene.Home("s.c.a.b.f1", Door(2), Day);
        _child = _scene.Member(Door(1), "小孩", Day.AddYears(-14).AddDays(2), Day);
        _youth = _scene.Member(Door(1), "少年", Day.AddYears(-14), Day);
        _scene.Joined("母亲", Door(1));
        _scene.Joined("邻居", Door(2));
        await _scene.SaveAsync(fixture.Database);
    }

    public async Task DisposeAsync()
    {
        await _api.DisposeAsync();
        _files.Dispose();
    }

    [Fact]
    public async Task PD07_nothing_is_used_before_the_notice_of_the_day_has_been_read_and_everything_after()
    {
        var notice = await _api.Anonymous().GetAsync("/api/v1/privacy-notice").OkAsync();
        Assert.Equal(1, notice.GetProperty("noticeVersion").GetInt32());
        Assert.Contains("未满十四周岁", notice.GetProperty("content").GetString());
        Assert.Contains(notice.GetProperty("purposes").EnumerateArray(), p => p.GetProperty("basis").GetString() == "statutory_duty");

        await fixture.Database.ExecuteAsync("delete from consents where account_id = $1", _scene.Account("楼层长").Id);
        var leader = await SignInAsync("楼层长");
        foreach (var path in (string[])["/api/v1/households", "/api/v1/notices", "/api/v1/grid-nodes"]) await leader.GetAsync(path).RefusedAsync(403, "privacy_notice_required");
        await leader.SendAsync(HttpMethod.Post, "/api/v1/tickets", new { purpose = "hub" }).RefusedAsync(403, "privacy_notice_required");
        foreach (var path in (string[])["/api/v1/me", "/api/v1/me/consents", "/api/v1/me/data"]) await leader.GetAsync(path).OkAsync();
        await leader.SendAsync(HttpMethod.Post, "/api/v1/me/consents", new { purpose = "privacy_notice", noticeVersion = 2 }).RefusedAsync(409, "conflict");
        await leader.ReadNoticeAsync();
        foreach (var path in (string[])["/api/v1/households", "/api/v1/notices", "/api/v1/grid-nodes"]) await leader.GetAsync(path).OkAsync();
        Assert.Equal(1, await fixture.Database.ScalarAsync<long>("select count(*) from consents where account_id = $1 and purpose = 'privacy_notice' and version = 1 and not withdrawn and channel = 'mini_program'",
            _scene.Account("楼层长").Id));
    }

    [Fact]
    public async Task PD07_a_new_notice_is_read_anew_from_its_first_day_on()
    {
        var day = Day.AddDays(1);
        await fixture.Database.ExecuteAsync("insert into privacy_notices (version, from_day, content) values (7, $1, '新的告知') on conflict do nothing", day);
        try
        {
            var staff = await SignInAsync("员工");
            await staff.GetAsync("/api/v1/households").OkAsync();
            _api.Clock.SetUtcNow(ShanghaiDay.At(day, new TimeOnly(8, 0)));
            staff = await SignInAsync("员工");
            await staff.GetAsync("/api/v1/households").RefusedAsync(403, "privacy_notice_required");
            await staff.ReadNoticeAsync();
            await staff.GetAsync("/api/v1/households").OkAsync();
        }
        finally
        {
            await fixture.Database.ExecuteAsync("delete from consents where version = 7");
            await fixture.Database.ExecuteAsync("delete from privacy_notices where version = 7");
        }
    }

    [Fact]
    public async Task PD07_the_ledger_keeps_what_was_given_and_withdrawn_and_a_duty_by_law_is_not_withdrawn()
    {
        var mother = await SignInAsync("母亲");
        await GiveAsync(mother, "own_photo").OkAsync();
        _api.Clock.Advance(TimeSpan.FromSeconds(1));
        await WithdrawAsync(mother, "own_photo").OkAsync();
        _api.Clock.Advance(TimeSpan.FromSeconds(1));
        await GiveAsync(mother, "own_photo").OkAsync();
        await GiveAsync(mother, "household_care").OkAsync();
        await WithdrawAsync(mother, "household_care").RefusedAsync(422, "not_withdrawable");
        await GiveAsync(mother, "no_such_purpose").RefusedAsync(400, "invalid_request");

        var ledger = (await mother.GetAsync("/api/v1/me/consents").OkAsync()).GetProperty("items").EnumerateArray()
            .Where(i => i.GetProperty("purpose").GetString() == "own_photo").Select(i => (i.GetProperty("withdrawn").GetBoolean(), i.GetProperty("holds").GetBoolean())).ToList();
        Assert.Equal([(false, true), (true, false), (false, false)], ledger);
        foreach (var right in (string[])["update", "delete"]) Assert.False(await fixture.Database.ScalarAsync<bool>($"select has_table_privilege('backend_app', 'consents', '{right}')"));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await fixture.Database.RefusedAsync(_scene.Account("邻居").Id, _scene.Node("s.c.a.b.f1").Path,
            "insert into consents (id, account_id, resident_id, purpose, version, withdrawn, at, channel) values (gen_random_uuid(), $1, $2, 'child_photo', 1, false, now(), 'browser')",
            _scene.Account("邻居").Id, _child));
    }

    [Fact]
    public async Task PD06_a_guardian_is_recorded_with_evidence_acts_for_the_ward_and_no_longer_at_fourteen()
    {
        var (staff, mother, neighbour) = (await SignInAsync("员工"), await SignInAsync("母亲"), await SignInAsync("邻居"));
        await GiveAsync(mother, "child_photo", _child).RefusedAsync(404, "not_found");
        await GuardAsync(staff, _youth, Door(1)).RefusedAsync(422, "guardianship_not_allowed");
        await GuardAsync(staff, _child, Door(2)).RefusedAsync(422, "guardianship_not_allowed");
        await GuardAsync(await SignInAsync("楼层长"), _child, Door(1)).RefusedAsync(403, "operation_not_allowed");
        var recorded = await GuardAsync(staff, _child, Door(1)).OkAsync();
        Assert.Equal(Day.AddDays(1).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), recorded.GetProperty("toDay").GetString());
        var listed = (await staff.GetAsync($"/api/v1/households/{_scene.Household(Door(1)).Id}/guardianships").OkAsync()).GetProperty("items").EnumerateArray().Single();
        Assert.Equal(("小孩", "户口簿第3页"), (listed.GetProperty("wardName").GetString(), listed.GetProperty("evidence").GetString()));

        await GiveAsync(neighbour, "child_photo", _child).RefusedAsync(404, "not_found");
        await GiveAsync(mother, "own_photo", _child).RefusedAsync(400, "invalid_request");
        await GiveAsync(mother, "child_photo").RefusedAsync(400, "invalid_request");
        await GiveAsync(mother, "child_photo", _child).OkAsync();
        Assert.Contains((await mother.GetAsync($"/api/v1/me/data?residentId={_child}").OkAsync()).GetProperty("tables").EnumerateArray(), t => t.GetProperty("name").GetString() == "residents");
        await neighbour.GetAsync($"/api/v1/me/data?residentId={_child}").RefusedAsync(404, "not_found");

        _api.Clock.Advance(TimeSpan.FromDays(2));
        mother = await SignInAsync("母亲");
        await mother.GetAsync($"/api/v1/me/data?residentId={_child}").RefusedAsync(404, "not_found");
        await GiveAsync(mother, "child_photo", _child).RefusedAsync(404, "not_found");
    }

    [Fact]
    public async Task PD06_an_ended_guardianship_ends_what_rests_on_it()
    {
        var (staff, mother) = (await SignInAsync("员工"), await SignInAsync("母亲"));
        var id = (await GuardAsync(staff, _child, Door(1)).OkAsync()).GetProperty("id").GetString();
        await mother.GetAsync($"/api/v1/me/data?residentId={_child}").OkAsync();
        await staff.SendAsync(HttpMethod.Delete, $"/api/v1/guardianships/{id}").OkAsync();
        await mother.GetAsync($"/api/v1/me/data?residentId={_child}").RefusedAsync(404, "not_found");
        await staff.SendAsync(HttpMethod.Delete, $"/api/v1/guardianships/{id}").RefusedAsync(404, "not_found");
    }

    [Fact]
    public async Task PD06_a_child_is_not_invited_and_tags_that_no_red_rule_reads_wait_for_the_guardian()
    {
        var (staff, mother) = (await SignInAsync("员工"), await SignInAsync("母亲"));
        await InviteAsync(staff, _child).RefusedAsync(422, "guardian_consent_missing");
        await InviteAsync(staff, _youth).OkAsync();
        await ReviseAsync(staff, _child, "child_guardian", "grandparent").OkAsync();
        await ReviseAsync(staff, _child, "left_behind_child", "true").RefusedAsync(422, "guardian_consent_missing");
        await ReviseAsync(staff, _youth, "left_behind_child", "true").OkAsync();

        await GuardAsync(staff, _child, Door(1)).OkAsync();
        await GiveAsync(mother, "child_care", _child).OkAsync();
        await GiveAsync(mother, "child_contact", _child).OkAsync();
        await ReviseAsync(staff, _child, "left_behind_child", "true").OkAsync();
        await InviteAsync(staff, _child).OkAsync();

        // Withdrawn, they are gone from the rows and from the snapshot; what rests on a duty by law stays.
        await WithdrawAsync(mother, "child_care", _child).OkAsync();
        Assert.Equal(["birth_date", "child_guardian"], await fixture.Database.ScalarAsync<string[]>("select array_agg(distinct tag_code order by tag_code) from tag_values where subject_id = $1", _child) ?? []);
        var home = await fixture.Database.ScalarAsync<byte[]>("select snapshot from households where id = $1", _scene.Household(Door(1)).Id);
        var snapshot = Backend.Domain.Facts.FactsSnapshot.FromBytes(_api.Services.GetRequiredService<Vault>().Open(SealedFields.FactsSnapshot, _scene.Household(Door(1)).Id, new(home!)));
        Assert.DoesNotContain(snapshot.Values, v => v.SubjectId == _child && v.Tag == "left_behind_child");
        Assert.Contains(snapshot.Values, v => v.SubjectId == _youth && v.Tag == "left_behind_child");
        await ReviseAsync(staff, _child, "left_behind_child", "true").RefusedAsync(422, "guardian_consent_missing");
    }

    [Fact]
    public async Task PD06_PD07_a_childs_photo_goes_with_the_consent_that_it_rests_on_row_and_file()
    {
        var (staff, mother) = (await SignInAsync("员工"), await SignInAsync("母亲"));
        var photo = new Photo { Id = Guid.CreateVersion7(), HouseholdId = _scene.Household(Door(1)).Id, NodePath = _scene.Household(Door(1)).NodePath, ResidentId = _child, ContentType = "image/png", Width = 1, Height = 1, TakenAt = Api.Noon };
        await _scene.Add(photo).SaveAsync(fixture.Database);
        await fixture.Database.ExecuteAsync("update residents set photo_id = $2 where id = $1", _child, photo.Id);
        await _api.Services.GetRequiredService<PhotoStore>().WriteAsync(photo.Id, "a picture"u8.ToArray(), default);

        // Without a consent it is not shown, and with one it is.
        Assert.Null(await PhotoOfAsync(staff));
        await GuardAsync(staff, _child, Door(1)).OkAsync();
        await GiveAsync(mother, "child_photo", _child).OkAsync();
        var url = await PhotoOfAsync(staff);
        Assert.NotNull(url);
        using (var shown = await staff.GetAsync(url)) Assert.True(shown.IsSuccessStatusCode);
        await WithdrawAsync(mother, "child_photo", _child).OkAsync();
        await staff.GetAsync(url).RefusedAsync(404, "not_found");
        Assert.Empty(Directory.GetFiles(_files.Path, "*", SearchOption.AllDirectories));
        Assert.Equal(0, await fixture.Database.ScalarAsync<long>("select count(*) from photos where resident_id = $1", _child));
    }

    private async Task<string?> PhotoOfAsync(SignedIn who) => (await who.GetAsync($"/api/v1/households/{_scene.Household(Door(1)).Id}").OkAsync())
        .GetProperty("people").EnumerateArray().Single(m => m.GetProperty("id").GetGuid() == _child).GetProperty("photoUrl").GetString();

    private string Door(int number) => $"{_scene.Top}-{number}";

    private Task<SignedIn> SignInAsync(string who) => _api.SignInAsync(_scene.OpenIdOf(who));

    private static Task<HttpResponseMessage> GiveAsync(SignedIn who, string purpose, Guid? child = null) =>
        who.SendAsync(HttpMethod.Post, "/api/v1/me/consents", new { purpose, noticeVersion = 1, residentId = child });

    /// <summary>A while after it was given: of two words in one instant neither is the later one.</summary>
    private Task<HttpResponseMessage> WithdrawAsync(SignedIn who, string purpose, Guid? child = null)
    {
        _api.Clock.Advance(TimeSpan.FromSeconds(1));
        return who.SendAsync(HttpMethod.Post, "/api/v1/me/consents/withdrawals", new { purpose, residentId = child });
    }

    private Task<HttpResponseMessage> GuardAsync(SignedIn staff, Guid ward, string door) =>
        staff.SendAsync(HttpMethod.Post, $"/api/v1/residents/{ward}/guardianships", new { guardianId = _scene.Head(door), evidence = "户口簿第3页" });

    private static Task<HttpResponseMessage> InviteAsync(SignedIn staff, Guid resident) => staff.SendAsync(HttpMethod.Post, $"/api/v1/residents/{resident}/invites");

    private async Task<HttpResponseMessage> ReviseAsync(SignedIn staff, Guid person, string tag, string value)
    {
        var home = _scene.Household(Door(1)).Id;
        var revision = await fixture.Database.ScalarAsync<int>("select revision from households where id = $1", home);
        return await staff.SendAsync(HttpMethod.Put, $"/api/v1/households/{home}/facts",
            new { values = new[] { new { subject = "person", subjectId = person, tag, value, observedAt = Day } } }, ifMatch: $"\"{revision}\"");
    }
}
