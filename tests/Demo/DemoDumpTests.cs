using System.Globalization;
using System.Text;
using Backend.Domain.Tags;
using Backend.Tests.Support;
using Local.Demo;
using Npgsql;

namespace Backend.Tests.Demo;

/// <summary>
/// PD02: what a dump of the demo database tells, and what its files tell. The dump is COPY of every table by the backup role, which is what pg_dump
/// sends for data (the server that npm brings has no pg_dump beside it). Bytea is compared as bytes, not as hex.
/// </summary>
public sealed class DemoDumpTests(DemoDatabase demo) : IClassFixture<DemoDatabase>
{
    private static DemoDistrict District => DemoFiguresTests.District;

    [Fact]
    public async Task PD02_a_dump_and_the_files_hold_no_phone_id_number_openid_text_value_or_amount()
    {
        var secrets = Secrets();
        var search = new ByteSearch(secrets);
        Assert.True(search.Count > 60_000, $"only {search.Count} values were looked for");
        // Controls: a name lies in the clear by design, and a sealed value is found in its decoded bytes.
        var name = District.Households[0].Residents[0].Name;
        var control = new ByteSearch([name]);
        // A short number may turn up in random bytes by chance; in a text it is one only when it stands alone.
        var short5 = ShortAmounts().ToHashSet();

        var (found, names, sealedFields) = (new List<string>(), new List<string>(), 0);
        await using var connection = new NpgsqlConnection(demo.Database.Backup);
        await connection.OpenAsync();
        foreach (var table in await TablesAsync(connection))
        {
            using var reader = await connection.BeginTextExportAsync($"copy \"{table}\" to stdout");
            while (await reader.ReadLineAsync() is { } line)
            {
                foreach (var range in line.AsSpan().Split('\t'))
                {
                    var field = line.AsSpan(range);
                    if (field.StartsWith(@"\\x"))
                    {
                        search.Find(Convert.FromHexString(field[3..]), found);
                        sealedFields++;
                        continue;
                    }
                    var bytes = Encoding.UTF8.GetBytes(field.ToString());
                    search.Find(bytes, found);
                    control.Find(bytes, names);
                    foreach (var word in field.ToString().Split([' ', ',', '"', ':', '{', '}', '-', '/'])) if (short5.Contains(word)) found.Add(word);
                }
            }
        }
        Assert.Empty(found);
        Assert.Contains(name, names);
        Assert.True(sealedFields > 400_000, $"{sealedFields} sealed fields");
    }

    [Fact]
    public async Task PD02_the_files_of_the_database_hold_none_of_them_either()
    {
        await demo.Database.ExecuteAsync("checkpoint");
        var folder = await demo.Database.ScalarAsync<string>("select current_setting('data_directory') || '/base/' || oid from pg_database where datname = current_database()");
        var search = new ByteSearch(Secrets());
        var control = new ByteSearch([District.Households[0].Residents[0].Name]);
        var (found, names) = (new List<string>(), new List<string>());
        var buffer = new byte[1 << 20];
        foreach (var file in Directory.GetFiles(folder!))
        {
            await using var stream = File.OpenRead(file);
            for (int kept = 0, read; (read = await stream.ReadAsync(buffer.AsMemory(kept))) > 0;)
            {
                var length = kept + read;
                search.Find(buffer.AsSpan(0, length), found);
                control.Find(buffer.AsSpan(0, length), names);
                kept = Math.Min(search.Longest, length);
                buffer.AsSpan(length - kept, kept).CopyTo(buffer);
            }
        }
        Assert.Empty(found);
        Assert.NotEmpty(names);
    }

    /// <summary>Everything that PD02 wants sealed and that is long enough to mean something: not what the catalogue itself says.</summary>
    private static List<string> Secrets()
    {
        var catalogue = string.Join('\n', TagCatalogue.Default.Tags.Select(t => $"{t.Code} {t.Name} {t.EnumValues} {t.Note} {t.CategoryName} {t.SubcategoryName}"));
        var values = District.Households.SelectMany(h => h.Values).Select(v => v.Value).DistinctBy(v => v.Value).ToList();
        var texts = values.Where(v => TagCatalogue.Default.Find(v.Tag)!.ValueType == TagValueType.Text).Select(v => v.Value)
            .Concat(District.Households.SelectMany(h => h.Residents).Select(r => r.FormerAddress))
            .Concat(District.Households.SelectMany(h => h.Visits).Select(v => v.Note))
            .Concat(District.Households.SelectMany(h => h.Measures).Select(m => m.Outcome))
            .OfType<string>().Where(t => !catalogue.Contains(t, StringComparison.Ordinal));
        return
        [
            .. District.Households.SelectMany(h => h.Residents).Select(r => r.IdNumber),
            .. District.Households.SelectMany(h => h.Residents).Select(r => r.Phone).OfType<string>(),
            .. District.Accounts.Select(a => a.PhoneNumber).OfType<int>().Select(DemoNames.Phone),
            .. District.Identities.Select(i => i.OpenId),
            .. texts,
            .. Amounts().Where(a => a.Length > 6),
        ];
    }

    private static IEnumerable<string> ShortAmounts() => Amounts().Where(a => a.Length <= 6);

    /// <summary>Amounts of five digits or more before the point, as they are stored.</summary>
    private static IEnumerable<string> Amounts() => District.Households.SelectMany(h => h.Values).Select(v => v.Value)
        .Where(v => TagCatalogue.Default.Find(v.Tag)!.ValueType == TagValueType.Money && decimal.Parse(v.Value, CultureInfo.InvariantCulture) >= 10_000)
        .Select(v => v.Value).Distinct();

    private static async Task<List<string>> TablesAsync(NpgsqlConnection connection)
    {
        await using var command = new NpgsqlCommand("select tablename from pg_tables where schemaname in ('public', 'app') order by tablename", connection);
        await using var reader = await command.ExecuteReaderAsync();
        var tables = new List<string>();
        while (await reader.ReadAsync()) tables.Add(reader.GetString(0));
        return tables;
    }
}
