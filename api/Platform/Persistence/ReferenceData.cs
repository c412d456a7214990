using System.Text;
using Backend.Domain.Tags;
using Backend.Domain.Tiers;
using Backend.Domain.Visits;
using Npgsql;

namespace Backend.Platform.Persistence;

/// <summary>What decides over facts and is data: the tag catalogue, the rule set of the day, the cadences by tier.</summary>
internal sealed record Reference(TagCatalogue Catalogue, RuleSet Rules, IReadOnlyDictionary<Tier, Cadence> Cadences);

/// <summary>Reads the reference data, kept for at most 3 s on each replica, like rights.</summary>
internal sealed class ReferenceData(WorkerDataSource worker, TimeProvider clock)
{
    private static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(3);
    private (long At, DateOnly Day, Reference Reference)? _last;

    /// <param name="day">The Shanghai day whose rule set is wanted.</param>
    /// <param name="cancellation">Cancels the read.</param>
    public async ValueTask<Reference> ReadAsync(DateOnly day, CancellationToken cancellation)
    {
        var began = clock.GetTimestamp();
        if (_last is { } last && last.Day == day && clock.GetElapsedTime(last.At, began) < MaxAge) return last.Reference;
        await using var command = worker.ForRequest("""
            select code, name, category_code, category_name, subcategory_code, subcategory_name, subject, value_type, enum_values, sensitive,
                tier_signal, note, position, retired_at from tags;
            select content::text from rule_sets where from_day <= @day order by from_day desc, id desc limit 1;
            select tier, days, months from cadences
            """);
        command.Parameters.Add(new NpgsqlParameter("day", day));
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var tags = new List<Tag>();
        while (await reader.ReadAsync(cancellation))
        {
            tags.Add(new Tag
            {
                Code = reader.GetString(0),
                Name = reader.GetString(1),
                CategoryCode = reader.GetString(2),
                CategoryName = reader.GetString(3),
                SubcategoryCode = reader.GetString(4),
                SubcategoryName = reader.GetString(5),
                Subject = SnakeCase.Parse<SubjectKind>(reader.GetString(6)),
                ValueType = SnakeCase.Parse<TagValueType>(reader.GetString(7)),
                EnumValues = reader.IsDBNull(8) ? null : reader.GetString(8),
                Sensitive = reader.GetBoolean(9),
                TierSignal = reader.GetString(10),
                Note = reader.IsDBNull(11) ? null : reader.GetString(11),
                Position = reader.GetInt32(12),
                RetiredAt = reader.IsDBNull(13) ? null : reader.GetFieldValue<DateTimeOffset>(13),
            });
        }

        await reader.NextResultAsync(cancellation);
        // A deployment that has stored none of its own stands on the one that ships.
        var rules = await reader.ReadAsync(cancellation) ? RuleSet.Parse(Encoding.UTF8.GetBytes(reader.GetString(0))) : RuleSet.Default;
        await reader.NextResultAsync(cancellation);
        var cadences = new Dictionary<Tier, Cadence>();
        while (await reader.ReadAsync(cancellation))
        {
            var tier = SnakeCase.Parse<Tier>(reader.GetString(0));
            cadences[tier] = new Cadence { Tier = tier, Days = reader.GetInt32(1), Months = reader.GetInt32(2) };
        }

        var reference = new Reference(new TagCatalogue(tags), rules, cadences);
        _last = (began, day, reference);
        return reference;
    }
}
