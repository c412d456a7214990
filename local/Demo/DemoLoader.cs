using Backend.Domain.Accounts;
using Backend.Domain.Households;
using Backend.Domain.Privacy;
using Backend.Domain.Tags;
using Backend.Domain.Tiers;
using Backend.Domain.Visits;
using Backend.Domain.Wall;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Npgsql;

namespace Local.Demo;

/// <summary>
/// Writes the demo district into a migrated, empty database, sealed like everything else. The one exception to "facts and tiers have no other
/// door" (design.md section 4): a consistent set by COPY, as the superuser of the private cluster, that raises no alarm.
/// </summary>
internal static class DemoLoader
{
    /// <param name="superuserConnectionString">The database as a superuser: COPY FROM is refused to everybody else under forced row level security.</param>
    /// <param name="vault">The keys that the api of this database has.</param>
    /// <param name="asOf">The day of loading; see <see cref="DemoDistrict.Generate"/>.</param>
    /// <param name="cancellation">Ends the load; nothing of it stays.</param>
    public static async Task LoadAsync(string superuserConnectionString, VaultOptions vault, DateOnly asOf, CancellationToken cancellation)
    {
        using var sealer = new Vault(vault);
        await using var source = new NpgsqlDataSourceBuilder(superuserConnectionString).Build();
        await using var db = OwnerContext.Create(source);
        var (model, district) = (db.Model, DemoDistrict.Generate(asOf));
        // The tag values are two thirds of all: they go beside the rest, over a connection of their own. Neither commits before both are written.
        await using var rest = await OpenAsync(source, cancellation);
        await using var values = await OpenAsync(source, cancellation);
        await Task.WhenAll(
            Task.Run(() => WriteAsync(new CopyWriter(model, rest), district, sealer, cancellation), cancellation),
            Task.Run(() => WriteValuesAsync(new CopyWriter(model, values), district, sealer, cancellation), cancellation));
        // The households come last: where they are, everything is.
        await ExecuteAsync(values, "commit", cancellation);
        await ExecuteAsync(rest, "commit; analyze", cancellation);
    }

    private static async Task<NpgsqlConnection> OpenAsync(NpgsqlDataSource source, CancellationToken cancellation)
    {
        var connection = await source.OpenConnectionAsync(cancellation);
        // The set is consistent by construction (tests check every reference), so a million look-ups of foreign keys are spared.
        await ExecuteAsync(connection, "begin; set local session_replication_role = replica", cancellation);
        return connection;
    }

    private static async Task WriteAsync(CopyWriter copy, DemoDistrict district, Vault vault, CancellationToken cancellation)
    {
        var (homes, loaded) = (district.Households, DemoHousehold.At(district.AsOf, 0));
        await copy.WriteAsync(district.Levels, cancellation);
        await copy.WriteAsync(district.Nodes, cancellation);
        await copy.WriteAsync(district.PartyBodies, cancellation);
        await copy.WriteAsync(district.Posts, cancellation);
        await copy.WriteAsync(district.Appointments, cancellation);
        await copy.WriteAsync(district.Assignments, cancellation);
        await copy.WriteAsync(district.StandIns, cancellation);
        await copy.WriteAsync(DemoDistrict.Cadences.Values, cancellation);
        await copy.WriteAsync(ChinaCalendar.Days, cancellation);
        await copy.WriteAsync(TagCatalogue.Default.Tags, cancellation);
        await copy.WriteAsync([await RuleSetAsync(cancellation)], cancellation);
        await copy.WriteAsync(DemoDistrict.Texts.Select(t => new Setting { Key = t.Key, Value = t.Value }), cancellation);

        await copy.WriteAsync(district.Accounts.Select(a => new Account
        {
            Id = a.Id,
            Name = a.Name,
            ResidentId = a.ResidentId,
            Phone = a.PhoneNumber is { } number ? vault.Seal(SealedFields.AccountPhone, a.Id, DemoNames.Phone(number)) : null,
            CreatedAt = loaded,
        }), cancellation);
        await copy.WriteAsync(district.Identities.Select(i => new WeChatIdentity
        {
            Id = i.Id,
            AccountId = i.AccountId,
            OpenIdIndex = vault.BlindIndex(SealedFields.OpenId, i.OpenId),
            OpenId = vault.Seal(SealedFields.OpenId, i.Id, i.OpenId),
            BoundAt = loaded,
            EmploymentBound = i.EmploymentBound,
        }), cancellation);

        // All of them have read the notice that the migration brings; the others do so at their first use.
        await copy.WriteAsync(district.Accounts.Select(a => new Consent
        {
            Id = a.Id,
            AccountId = a.Id,
            ResidentId = a.ResidentId,
            Purpose = Purpose.Notice,
            Version = 1,
            Withdrawn = false,
            At = loaded,
            Channel = ConsentChannel.MiniProgram,
        }), cancellation);

        await copy.WriteAsync(district.AccountPhotos, cancellation);

        await copy.WriteAsync(homes.Select(h => new Household
        {
            Id = h.Id,
            NodeId = h.Floor.Id,
            NodePath = h.Floor.Path,
            RootId = h.Floor.RootId!.Value,
            Door = h.Plan.Door.Text,
            RecordedOn = h.RecordedOn,
            Tier = h.Tier,
            State = h.State,
            EngineTier = h.Evaluation.EngineTier,
            RegisterStatus = h.RegisterStatus,
            Occupancy = h.Plan.Occupancy,
            DueDay = h.DueDay,
            LastVisitDay = h.LastVisitDay,
            NextEvaluationOn = h.NextEvaluationOn,
            Snapshot = vault.Seal(SealedFields.FactsSnapshot, h.Id, h.Snapshot.ToBytes()),
        }), cancellation);
        await copy.WriteAsync(homes.SelectMany(h => h.Residents.Select(r => new Resident
        {
            Id = r.Id,
            HouseholdId = h.Id,
            NodePath = h.Floor.Path,
            Name = r.Name,
            IdNumber = vault.Seal(SealedFields.ResidentIdNumber, r.Id, r.IdNumber),
            IdNumberIndex = vault.BlindIndex(SealedFields.ResidentIdNumber, r.IdNumber),
            Phone = Sealed(vault, SealedFields.ResidentPhone, r.Id, r.Phone),
            PhoneIndex = r.Phone is null ? null : vault.BlindIndex(SealedFields.ResidentPhone, r.Phone),
            FormerAddress = Sealed(vault, SealedFields.ResidentFormerAddress, r.Id, r.FormerAddress),
            PhotoId = r.PhotoId,
        })), cancellation);
        await copy.WriteAsync(homes.SelectMany(h => h.Residents.Select(r => new Membership
        {
            Id = r.MembershipId,
            HouseholdId = h.Id,
            ResidentId = r.Id,
            NodePath = h.Floor.Path,
            FromDay = h.RecordedOn,
            IsHead = r.IsHead,
        })), cancellation);
        await copy.WriteAsync(homes.SelectMany(h => h.Marks), cancellation);
        await copy.WriteAsync(homes.SelectMany(h => h.Measures.Select(m => new Measure
        {
            Id = m.Id,
            HouseholdId = h.Id,
            NodePath = h.Floor.Path,
            Kind = m.Kind,
            ResponsibleAccountId = m.Responsible,
            OpenedOn = m.OpenedOn,
            FinishedOn = m.FinishedOn,
            Outcome = Sealed(vault, SealedFields.MeasureOutcome, m.Id, m.Outcome),
        })), cancellation);
        await copy.WriteAsync(homes.SelectMany(h => h.Photos), cancellation);
        await copy.WriteAsync(homes.SelectMany(h => h.Months.Select(m => new MonthlyEvaluation
        {
            Id = m.Id,
            HouseholdId = h.Id,
            NodePath = h.Floor.Path,
            Month = m.Month,
            Content = vault.Seal(SealedFields.MonthlyEvaluation, m.Id, m.ToJson()),
        })), cancellation);
        await copy.WriteAsync(homes.SelectMany(h => h.Visits.Select(v => new Visit
        {
            Id = v.Id,
            HouseholdId = h.Id,
            NodePath = h.Floor.Path,
            Kind = v.Kind,
            VisitedAt = v.At,
            RecordedAt = v.At.AddMinutes(25),
            VisitorAccountId = v.Visitor,
            Counted = v.Counted,
            Note = Sealed(vault, SealedFields.VisitNote, v.Id, v.Note),
        })), cancellation);

        await copy.WriteAsync(district.Nodes.Where(n => n.RootId == n.Id).Select(n => new WallRoot { NodeId = n.Id, Version = 1, HistoryFrom = 1 }), cancellation);
        await copy.WriteAsync(homes.Select(h => new Tile
        {
            HouseholdId = h.Id,
            RootId = h.Floor.RootId!.Value,
            NodeId = h.Floor.Id,
            NodePath = h.Floor.Path,
            Door = h.Plan.Door.Text,
            Tier = h.Tier,
            State = h.State,
            DueDay = h.DueDay,
            LastVisitDay = h.LastVisitDay,
            Version = 1,
        }), cancellation);
    }

    private static Task WriteValuesAsync(CopyWriter copy, DemoDistrict district, Vault vault, CancellationToken cancellation) =>
        copy.WriteAsync(district.Households.SelectMany(h => h.Values.Select(v => new TagValue
        {
            Id = v.Value.Id,
            HouseholdId = h.Id,
            NodePath = h.Floor.Path,
            Subject = v.Value.Subject,
            SubjectId = v.Value.SubjectId,
            TagCode = v.Value.Tag,
            Value = vault.Seal(SealedFields.TagValue, v.Value.Id, v.Value.Value),
            Source = v.Value.Source,
            ObservedAt = v.Value.ObservedAt,
            ValidFrom = v.Value.ValidFrom,
            ValidTo = v.Value.ValidTo,
            RecordedAt = v.Value.RecordedAt,
            RecordedBy = v.RecordedBy,
        })), cancellation);

    /// <summary>The rule set that ships with the product; the demo's own line of 8,000 yuan is one of its dated parameters.</summary>
    private static async Task<RuleSetVersion> RuleSetAsync(CancellationToken cancellation)
    {
        using var reader = new StreamReader(typeof(RuleSet).Assembly.GetManifestResourceStream("rule-set.default-1.json")!);
        return new RuleSetVersion
        {
            Id = Guid.CreateVersion7(DemoHousehold.At(Figures.YearBefore, 0)),
            Name = RuleSet.Default.Name,
            FromDay = new DateOnly(2021, 1, 1),
            Content = await reader.ReadToEndAsync(cancellation),
        };
    }

    private static Sealed? Sealed(Vault vault, string field, Guid id, string? plain) => plain is null ? null : vault.Seal(field, id, plain);

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 120 };
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
