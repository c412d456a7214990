using System.Security.Cryptography;
using Backend.Domain.Privacy;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Npgsql;

namespace Backend.Tests.Support;

/// <summary>
/// A resident with a row in every personal table and a value in every personal column, made from the model, so that a new table is among them by itself. Texts
/// and sealed values are canaries: words that stand nowhere else.
/// </summary>
internal sealed class FullPerson(Vault vault, Scene scene, string door, string account)
{
    /// <summary>Rows that the scene has made: only what is empty in them is filled.</summary>
    private static readonly string[] Existing = ["accounts", "residents", "households", "tiles", "we_chat_identities"];

    private readonly List<byte[]> _stored = [];

    /// <summary>What is looked for: each canary is a personal column of this name.</summary>
    public List<string> Canaries { get; } = [];

    /// <summary>Ciphertexts, hashes and ids, as they lie in the database.</summary>
    public IReadOnlyList<byte[]> Stored => _stored;

    public Guid Resident => scene.Head(door);

    public Guid Account => scene.Account(account).Id;

    /// <summary>The tables in which the person has a row now.</summary>
    public async Task WriteAsync(PostgresDatabase database)
    {
        await using var source = new NpgsqlDataSourceBuilder(database.Superuser).Build();
        await using var db = OwnerContext.Create(source);
        await using var connection = await source.OpenConnectionAsync();
        // Rows stand for themselves: what they refer to need not be there.
        await using (var replica = new NpgsqlCommand("set session_replication_role = replica", connection)) await replica.ExecuteNonQueryAsync();
        foreach (var entity in db.Model.GetEntityTypes().Where(e => OwnData.Links.ContainsKey(e.GetTableName()!)).OrderBy(e => e.GetTableName(), StringComparer.Ordinal))
        {
            var table = entity.GetTableName()!;
            var isThere = Existing.Contains(table);
            var row = Guid.CreateVersion7();
            var id = table switch { "accounts" or "we_chat_identities" => Account, "residents" => Resident, "households" or "tiles" => scene.Household(door).Id, _ => row };
            if (table == "we_chat_identities") continue;
            var columns = entity.GetProperties().Where(p => !isThere || p.IsNullable && ColumnClass.All.Single(c => c.Table == table && c.Column == p.GetColumnName()).IsPersonal).ToList();
            await using var command = new NpgsqlCommand(isThere
                ? $"update {table} set {string.Join(", ", columns.Select(c => $"{c.GetColumnName()} = @{c.GetColumnName()}"))}{(table is "households" or "tiles" ? ", tier = 'red'" : "")} where {(table == "tiles" ? "household_id" : "id")} = @row_id"
                : $"insert into {table} ({string.Join(", ", columns.Select(c => c.GetColumnName()))}) values ({string.Join(", ", columns.Select(c => $"@{c.GetColumnName()}{(c.GetColumnType() == "ltree" ? "::ltree" : "")}"))})", connection);
            if (isThere) command.Parameters.Add(new NpgsqlParameter("row_id", id));
            foreach (var column in columns) command.Parameters.Add(new NpgsqlParameter(column.GetColumnName(), Value(table, column, id)));
            await command.ExecuteNonQueryAsync();
        }
    }

    private object Value(string table, IProperty column, Guid row)
    {
        var (name, type) = (column.GetColumnName(), Nullable.GetUnderlyingType(column.ClrType) ?? column.ClrType);
        if (type == typeof(Sealed)) return Keep(vault.Seal($"{table}.{name}", row, Canary(table, name)).Bytes);
        if (type == typeof(byte[])) return Keep(RandomNumberGenerator.GetBytes(32));
        if (type.IsEnum) return SnakeCase.Of((dynamic)Enum.GetValues(type).GetValue(type.Name == "TierState" ? 1 : 0)!);
        if (type == typeof(Guid)) return name switch
        {
            "id" => row,
            "account_id" => Account,
            "resident_id" or "subject_id" or "guardian_id" => Resident,
            "household_id" => scene.Household(door).Id,
            _ => Guid.CreateVersion7(),
        };
        if (type == typeof(Guid[])) return new[] { Resident };
        if (type == typeof(bool)) return true;
        if (type == typeof(int)) return 1;
        if (type == typeof(long)) return 1L;
        if (type == typeof(DateOnly)) return PostgresFixture.DemoDay;
        if (type == typeof(DateTimeOffset)) return Api.Noon.ToUniversalTime();
        if (column.GetColumnType() == "ltree") return scene.Household(door).NodePath;
        if (type == typeof(string)) return name switch { "purpose" => "household_care", "tag_code" => "ethnicity", _ => Canary(table, name) };
        throw new InvalidOperationException($"{table}.{name}: {type.Name} has no canary.");
    }

    private string Canary(string table, string name)
    {
        var canary = $"金丝雀{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(5))}";
        if (ColumnClass.All.Single(c => c.Table == table && c.Column == name).IsPersonal && !OwnData.Omitted.ContainsKey($"{table}.{name}")) Canaries.Add(canary);
        return canary;
    }

    private byte[] Keep(byte[] bytes)
    {
        _stored.Add(bytes);
        return bytes;
    }
}
