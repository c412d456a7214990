using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text.RegularExpressions;
using Backend.Domain.Accounts;
using Backend.Domain.Grid;
using Backend.Tests.Support;

namespace Backend.Tests.Platform.Security;

/// <summary>
/// The policy table, executed over HTTP (AZ01, AZ02, AU01): every operation for every column and every relation that there is to its object, and then whoever,
/// whatever and about whatever by lot. What is expected comes from policy.md and the rows (<see cref="PolicyOracle"/>).
/// </summary>
public sealed class PolicyMatrixTests(PolicyDistrict district) : IClassFixture<PolicyDistrict>
{
    private sealed record Answer(Cell Cell, Verdict Expected, HttpStatusCode Status, string Text, string Trace)
    {
        public bool IsAllowed => (int)Status is >= 200 and < 300;

        public bool ReachedAHandler => Status is not (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden);

        public bool IsAsExpected => Expected switch
        {
            Verdict.Allowed => IsAllowed,
            Verdict.NotSignedIn => Status == HttpStatusCode.Unauthorized && Text.Contains("\"not_signed_in\"", StringComparison.Ordinal),
            Verdict.NotAllowed => Status == HttpStatusCode.Forbidden && Text.Contains("\"operation_not_allowed\"", StringComparison.Ordinal),
            _ => Status == HttpStatusCode.NotFound && Text.Contains("\"not_found\"", StringComparison.Ordinal),
        };

        public override string ToString() => $"{Cell.Request.Name} by {Cell.Caller.Name} of {Cell.Target}: {Expected}, but {(int)Status} {Text}";
    }

    [Fact]
    public void AZ01_every_operation_and_every_column_is_put_to_the_proof()
    {
        Assert.Equal(district.Operations.Order(), PolicyRequests.All.Select(r => r.Operation).Distinct().Order());
        Assert.Equal(district.Oracle.Operations.Order(), district.Operations.Order());
        // A column is proven by somebody who has this one alone.
        Assert.Empty(district.Oracle.Columns.Except(district.Chosen.Select(district.Oracle.ColumnsOf).Where(c => c.Count == 1).Select(c => c[0])));
        var relations =
            from request in PolicyRequests.All
            from caller in district.Chosen
            from target in district.Targets[request.About]
            from relation in district.Oracle.RelationsOf(caller, request.Operation, target).Split(" and ")
            select relation;
        Assert.Equal(district.Oracle.Relations.Order(), relations.Distinct().Order());
    }

    [Fact]
    public async Task AZ01_AZ02_AU01_the_whole_table_is_executed_without_a_leak_or_a_wrong_denial()
    {
        // Of those who stand alike to the caller two are asked about; at the door the object does not matter, and one is enough.
        var cells = (
            from request in PolicyRequests.All
            from caller in district.Chosen
            from alike in district.Targets[request.About].GroupBy(t => district.Oracle.RelationsOf(caller, request.Operation, t))
            let two = district.Oracle.Expect(caller, request.Operation, alike.First()) is Verdict.Allowed or Verdict.NotFound
            from target in two ? ((Target[])[alike.First(), alike.Last()]).Distinct() : [alike.First()]
            select new Cell(district, request, caller, target)).ToList();
        var answers = await AskAsync("AZ02 policy matrix", cells);
        Assert.Empty(district.Operations.Except(answers.Where(a => a.IsAllowed).Select(a => a.Cell.Request.Operation)));
        Assert.True(answers.Count(a => a.ReachedAHandler) * 2 >= answers.Count, "Most requests were refused at the door: they prove little.");
    }

    [Fact]
    public async Task AZ02_AU01_whoever_asks_whatever_about_whatever_by_lot_gets_what_the_table_says()
    {
        var lot = new Random(8);
        T One<T>(IReadOnlyList<T> of) => of[lot.Next(of.Count)];
        var targets = district.Targets.ToDictionary(t => t.Key, t => t.ToList());
        await AskAsync("AZ02 by lot", [.. Enumerable.Range(0, ProofSize.PolicyCells).Select(_ => One(PolicyRequests.All))
            .Select(r => new Cell(district, r, One(district.Everybody), One(targets[r.About])))]);
    }

    [Fact]
    public async Task AZ08_a_foreign_child_is_answered_like_a_missing_one_and_a_foreign_parent_hides_every_child()
    {
        var (staff, beside) = (district.Named("staff"), district.Named($"{Role.CommunityLeader}"));
        Target Of(TargetKind kind, string operation, Verdict verdict) => district.Targets[kind].First(t => !t.Gone && district.Oracle.Expect(staff, operation, t) == verdict);
        async Task<HttpResponseMessage> SendAsync(Caller caller, PolicyRequest request, Target parent) =>
            await district.SendAsync(new Cell(district, request, caller, parent), ActivityTraceId.CreateRandom().ToHexString());
        async Task<string> CursorAsync(Func<string, PolicyRequest> page, Caller of, Target node)
        {
            var next = (await SendAsync(of, page(""), node).OkAsync()).GetProperty("next").GetString()!;
            return $"&cursor={Uri.EscapeDataString(next)}";
        }

        PolicyRequest Loads(string cursor) => new("listLeaderLoads", TargetKind.Node) { Query = _ => $"?limit=1{cursor}" };
        PolicyRequest Homes(string cursor) => new("listHouseholds", TargetKind.Node) { Query = c => $"?nodeId={c.Target.Id}&limit=1{cursor}" };
        PolicyRequest Layout(string version) => new("readWallLayout", TargetKind.Node) { Query = _ => version };
        PolicyRequest Photo(string link) => new("readPhoto", TargetKind.Photo) { Query = _ => link };
        PolicyRequest StandIn(string who) => new("nameStandIn", TargetKind.Post) { Body = _ => Task.FromResult(district.NewDays(Guid.Parse(who))) };
        PolicyRequest Reveal(string person) => new("revealPhone", TargetKind.Member)
        {
            Query = _ => $"{person}/phone-reveals",
            Body = _ => Task.FromResult<object>(new { purpose = "visit", justification = "约定上门时间" }),
        };
        PolicyRequest Facts(string person) => new("reviseFacts", TargetKind.Household)
        {
            Body = _ => Task.FromResult(PolicyDistrict.Fact("person", Guid.Parse(person), "medical_insured")),
            TakesRevision = true,
        };

        var node = district.Targets[TargetKind.Node].Single(t => district.Oracle.RelationsOf(staff, "readOverview", t) == "own node");
        var otherNode = Of(TargetKind.Node, "readOverview", Verdict.NotFound);
        var (photo, otherPhoto) = (Of(TargetKind.Photo, "readPhoto", Verdict.Allowed), Of(TargetKind.Photo, "readPhoto", Verdict.NotFound));
        var (post, otherPost) = (Of(TargetKind.Post, "nameStandIn", Verdict.Allowed), Of(TargetKind.Post, "nameStandIn", Verdict.NotFound));
        var (home, otherHome) = (Of(TargetKind.Household, "reviseFacts", Verdict.Allowed), Of(TargetKind.Household, "reviseFacts", Verdict.NotFound));
        var nobody = $"{Guid.CreateVersion7()}";
        (Func<string, PolicyRequest> With, Target Own, Target Foreign, string Child, string ForeignChild, string Missing, int Refused)[] nested =
        [
            (Layout, node, otherNode, district.WallOf(node).Layout, district.WallOf(otherNode).Layout, "none", 410),
            (Loads, node, otherNode, await CursorAsync(Loads, staff, node), await CursorAsync(Loads, beside, node), "&cursor=none", 400),
            (Homes, node, otherNode, await CursorAsync(Homes, staff, node), await CursorAsync(Homes, beside, node), "&cursor=none", 400),
            (Photo, photo, otherPhoto, PolicyRequests.LinkOf(district, staff, photo), PolicyRequests.LinkOf(district, staff, otherPhoto), "?until=1&mac=none", 404),
            (StandIn, post, otherPost, $"{beside.Account}", $"{district.Named($"{Role.CommunityLeader} s2.c1").Account}", nobody, 400),
            (Reveal, home, otherHome, await district.HeadOfAsync(home), await district.HeadOfAsync(otherHome), nobody, 404),
            (Facts, home, otherHome, await district.HeadOfAsync(home), await district.HeadOfAsync(otherHome), nobody, 422),
        ];
        // Whatever route has both in itself must be among them.
        Assert.Empty(district.NestedOperations.Except(nested.Select(n => n.With("").Operation)));

        foreach (var (with, own, foreign, child, foreignChild, missing, refused) in nested)
        {
            async Task<(int Status, string Text)> AnswerAsync(Target parent, string of)
            {
                using var answer = await SendAsync(staff, with(of), parent);
                return ((int)answer.StatusCode, answer.IsSuccessStatusCode ? "" : await TextAsync(answer));
            }

            Assert.Equal(200, (await AnswerAsync(own, child)).Status);
            var foreignAnswer = await AnswerAsync(own, foreignChild);
            Assert.Equal((refused, foreignAnswer), (foreignAnswer.Status, await AnswerAsync(own, missing)));
            var hidden = await AnswerAsync(foreign, missing);
            Assert.Equal((404, hidden, hidden), (hidden.Status, await AnswerAsync(foreign, child), await AnswerAsync(foreign, foreignChild)));
        }
    }

    /// <summary>
    /// Whoever asks for what she may not see learns nothing by what it costs either: the database is asked the very same for a row that is hidden and for one
    /// that never was, and the answers are alike to the byte.
    /// </summary>
    [Fact]
    public async Task AZ07_a_hidden_object_costs_the_same_commands_and_gets_the_same_bytes_as_a_missing_one()
    {
        using var sql = new SqlCount(district.Database);
        async Task<(string Commands, string Answer)> AskAsync(Cell cell)
        {
            var trace = ActivityTraceId.CreateRandom().ToHexString();
            using var answer = await district.SendAsync(cell, trace);
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            return (string.Join("\n", sql.Of(trace)), await TextAsync(answer));
        }

        var (pairs, operations, complaints) = (0, new HashSet<string>(), new HashSet<string>());
        foreach (var request in PolicyRequests.All.Where(r => r.About != TargetKind.Nothing))
        {
            var missing = new Target(request.About, Guid.CreateVersion7(), Gone: true);
            foreach (var caller in district.Chosen)
            {
                var hidden = district.Targets[request.About].Where(t => !t.Gone && district.Oracle.Expect(caller, request.Operation, t) == Verdict.NotFound)
                    .GroupBy(t => district.Oracle.RelationsOf(caller, request.Operation, t)).Select(g => g.First());
                foreach (var target in hidden)
                {
                    var of = new Cell(district, request, caller, target);
                    // What the first request of a kind reads for all that follow is no part of it.
                    await AskAsync(of);
                    var (first, second) = (await AskAsync(of), await AskAsync(of with { Target = missing }));
                    if (first.Commands.Length == 0 || first != second)
                        complaints.Add($"{request.Name}: hidden:\n{first.Commands}\n{first.Answer}\nmissing:\n{second.Commands}\n{second.Answer}");
                    operations.Add(request.Operation);
                    pairs++;
                }
            }
        }

        Assert.True(complaints.Count == 0, string.Join("\n\n", complaints.Take(10)));
        // Everything that is asked for by its id, and can be hidden: accounts and posts of staff belong to the deployment, and whoever may ask sees them all.
        var never = PolicyRequests.All.Where(r => r.About is TargetKind.Account or TargetKind.StaffPost or TargetKind.StaffProposal or TargetKind.StaffAppointment).Select(r => r.Operation);
        Assert.Empty(district.AddressedOperations.Except(operations).Except(never));
        Figures.Print($"AZ07 hidden or missing: {pairs} pairs of {operations.Count} operations, the same commands and the same bytes");
    }

    /// <summary>
    /// The time that an answer takes says no more: of a hidden and a missing household the slower one is guessed no better than by a coin. Timed one after the
    /// other in an order by lot, and judged in full size alone, where the machine is free for it.
    /// </summary>
    [Theory]
    [InlineData("readHousehold")]
    [InlineData("reviseFacts")]
    public async Task AZ07_a_hidden_household_takes_as_long_as_a_missing_one(string operation)
    {
        var request = PolicyRequests.All.Single(r => r.Operation == operation);
        var (caller, lot) = (district.Named("staff"), new Random(7));
        var hidden = district.Targets[TargetKind.Household].Where(t => !t.Gone && district.Oracle.Expect(caller, operation, t) == Verdict.NotFound).ToList();
        async Task<double> AskAsync(Target target)
        {
            using var message = await district.MessageAsync(new Cell(district, request, caller, target), ActivityTraceId.CreateRandom().ToHexString());
            var began = Stopwatch.GetTimestamp();
            using var answer = await district.SendAsync(message);
            var took = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            return took;
        }

        var (ofHidden, ofMissing) = (new List<double>(), new List<double>());
        for (var pair = -20; pair < ProofSize.HiddenPairs; pair++)
        {
            var (here, nowhere) = (hidden[lot.Next(hidden.Count)], new Target(TargetKind.Household, Guid.CreateVersion7(), Gone: true));
            var isHiddenFirst = lot.Next(2) == 0;
            var first = await AskAsync(isHiddenFirst ? here : nowhere);
            var second = await AskAsync(isHiddenFirst ? nowhere : here);
            if (pair < 0) continue;
            ofHidden.Add(isHiddenFirst ? first : second);
            ofMissing.Add(isHiddenFirst ? second : first);
        }

        // The probability that a hidden one takes longer than a missing one, over all pairs of both: what any threshold can make of it (Mann and Whitney).
        var ranked = ofHidden.Select(t => (Time: t, Hidden: true)).Concat(ofMissing.Select(t => (Time: t, Hidden: false))).OrderBy(t => t.Time).ToList();
        var rankSum = ranked.Select((t, i) => t.Hidden ? i + 1.0 : 0).Sum();
        var longer = (rankSum - ofHidden.Count * (ofHidden.Count + 1.0) / 2) / ((double)ofHidden.Count * ofMissing.Count);
        var auc = Math.Max(longer, 1 - longer);
        Figures.Print($"AZ07 {operation}: {ofHidden.Count} pairs, medians {ofHidden.Order().ElementAt(ofHidden.Count / 2):0.000} and {ofMissing.Order().ElementAt(ofMissing.Count / 2):0.000} ms, AUC {auc:0.000}");
        if (ProofSize.Full) Assert.InRange(auc, 0.5, 0.55);
    }

    /// <summary>
    /// Whoever gets a statistic of a place may read every household that is counted in it, or gets the counts of a whole wall root by tier: no other cell is given
    /// to anybody, so none below five persons is either, and of two statistics none tells more than the rows that the caller may read.
    /// </summary>
    [Fact]
    public async Task AZ13_a_statistic_is_given_to_whoever_may_read_the_households_that_it_counts()
    {
        string[] statistics = ["readOverview", "readCoverage", "listLeaderLoads", "listVacancies"];
        var (lot, given) = (new Random(13), 0);
        var (nodes, homes) = (district.Targets[TargetKind.Node].Where(t => !t.Gone).ToList(), district.Targets[TargetKind.Household].Where(t => !t.Gone).ToList());
        for (var pair = 0; pair < 500; pair++)
        {
            var (caller, node) = (district.Everybody[lot.Next(district.Everybody.Count)], nodes[lot.Next(nodes.Count)]);
            var statistic = statistics[lot.Next(statistics.Length)];
            var request = PolicyRequests.All.Single(r => r.Operation == statistic);
            using var answer = await district.SendAsync(new Cell(district, request, caller, node), ActivityTraceId.CreateRandom().ToHexString());
            if (!answer.IsSuccessStatusCode) continue;
            given++;
            Assert.All(homes.Where(h => district.Oracle.IsWithin(h.Node!.Value, node.Id)), h =>
                Assert.True(district.Oracle.Expect(caller, "readHousehold", h) == Verdict.Allowed, $"{request.Operation} of {node} counts a household that {caller.Name} may not read"));
        }

        Assert.True(given > 20, $"only {given} of 500 were given");
        // A hall's screen stands on a wall root or above, and is given its counts by tier and nothing else.
        var halls = district.Everybody.Where(c => c.Kind == SessionKind.Hall).ToList();
        Assert.NotEmpty(halls);
        var hall = PolicyRequests.All.Single(r => r.Operation == "readHall");
        foreach (var screen in halls)
        {
            Assert.Contains(district.Targets[TargetKind.HallNode], t => t.Id == screen.Node);
            var told = await district.SendAsync(new Cell(district, hall, screen, Target.Nothing), ActivityTraceId.CreateRandom().ToHexString()).OkAsync();
            Assert.DoesNotContain(told.EnumerateObject(), m => m.Value.ValueKind == System.Text.Json.JsonValueKind.Array);
            foreach (var counted in statistics)
                Assert.NotEqual(Verdict.Allowed, district.Oracle.Expect(screen, counted, district.Targets[TargetKind.Node].First(t => t.Id == screen.Node)));
        }
    }

    /// <summary>Asks all of it in parallel and compares status, the body of "not found", and the audit.</summary>
    private async Task<IReadOnlyCollection<Answer>> AskAsync(string figure, IReadOnlyCollection<Cell> cells)
    {
        var watch = Stopwatch.StartNew();
        var answers = new ConcurrentBag<Answer>();
        await Parallel.ForEachAsync(cells, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (cell, _) => answers.Add(await AskAsync(cell)));
        var elapsed = watch.Elapsed;

        var entries = await district.AuditAsync(answers.Select(a => a.Trace));
        var wrong = answers.Where(a => !a.IsAsExpected).ToList();
        var leaks = wrong.Count(a => a.IsAllowed);
        string[] complaints =
        [
            .. wrong.Select(a => $"{a}").Order(StringComparer.Ordinal).Take(50),
            .. answers.Except(wrong).Select(a => Complaint(a, [.. entries[a.Trace]])).OfType<string>().Distinct().Order(StringComparer.Ordinal).Take(50),
            .. answers.Where(a => a.Status == HttpStatusCode.NotFound).GroupBy(a => a.Cell.Request).Where(g => g.Select(a => a.Text).Distinct().Count() > 1)
                .Select(g => $"{g.Key.Name}: what is hidden is not answered like what is missing: {string.Join(" or ", g.Select(a => a.Text).Distinct())}"),
        ];
        Assert.True(complaints.Length == 0, $"{leaks} leaks, {wrong.Count - leaks} wrong denials of {answers.Count}:\n{string.Join('\n', complaints)}");

        var verdicts = string.Join(", ", Enum.GetValues<Verdict>().Select(v => $"{answers.Count(a => a.Expected == v)} {v}"));
        Figures.Print($"{figure}: {answers.Count} cells of {district.Operations.Count} operations ({verdicts}), 0 leaks, 0 wrong denials, {entries.Sum(e => e.Count())} audit entries, {elapsed.TotalSeconds:0.0} s");
        return answers;
    }

    private async Task<Answer> AskAsync(Cell cell)
    {
        var expected = district.Oracle.Expect(cell.Caller, cell.Request.Operation, cell.Target);
        if (expected == Verdict.Allowed) cell = cell with { Target = await district.RenewedAsync(cell.Target) };
        var trace = ActivityTraceId.CreateRandom().ToHexString();
        using var answer = await district.SendAsync(cell, trace);
        return new Answer(cell, expected, answer.StatusCode, answer.IsSuccessStatusCode ? "" : await TextAsync(answer), trace);
    }

    /// <summary>Body and headers without what differs from one answer to the next.</summary>
    private static async Task<string> TextAsync(HttpResponseMessage answer)
    {
        var body = Regex.Replace(await answer.Content.ReadAsStringAsync(), "\"traceId\":\"[^\"]*\"", "", RegexOptions.None, TimeSpan.FromSeconds(5));
        var headers = answer.Headers.Concat(answer.Content.Headers).Where(h => h.Key != "Date").Select(h => $"{h.Key}: {string.Join(", ", h.Value)}");
        return $"{body} {string.Join("; ", headers.Order(StringComparer.Ordinal))}";
    }

    /// <summary>AU01: who, what, which object, with what result, once. A read without personal fields leaves nothing, and neither does nobody.</summary>
    private string? Complaint(Answer answer, List<AuditRow> entries)
    {
        var ((_, request, caller, target), expected) = (answer.Cell, answer.Expected);
        var about = $"{request.Name}, {(int)answer.Status}:";
        if (expected == Verdict.NotSignedIn || expected == Verdict.Allowed && request.IsUnaudited) return entries.Count == 0 ? null : $"{about} an audit entry too many";
        if (entries is not [var entry]) return $"{about} {entries.Count} audit entries";
        var roles = request.SignsIn || request.IsNameless ? [] : district.Oracle.MayBy(caller, request.Operation);
        var due = (request.Operation, Result: expected switch { Verdict.Allowed => "done", Verdict.NotFound => "not_found", _ => "operation_not_allowed" },
            Account: request.IsNameless ? null : request.FromProvider is not null ? district.WhoIsBound : request.SignsIn ? district.WhoSignsIn : caller.Account, Roles: string.Join(',', roles.Order(StringComparer.Ordinal)));
        // A screen's entry names the roles of whoever opened it.
        var written = (entry.Operation, entry.Result, entry.Account,
            caller.Kind == SessionKind.WeChat ? string.Join(',', entry.Roles.Split(',').Order(StringComparer.Ordinal)) : due.Roles);
        return written != due ? $"{about} {due} is due in the audit, {written} is written"
            : district.IsAddressed(request) && !entry.Targets.Contains(target.Id) ? $"{about} the audit does not name the object" : null;
    }
}
