using System.Collections.Frozen;
using System.Text.Json;
using System.Text.Json.Nodes;
using Backend.Domain.Privacy;
using Backend.Platform.Security;
using Npgsql;
using NpgsqlTypes;

namespace Backend.Platform.Persistence;

/// <summary>One column of <c>data-classes.csv</c> (PD01).</summary>
internal sealed record ColumnClass(string Table, string Column, string Class, string Purpose)
{
    public bool IsPersonal => Class is "personal" or "sensitive" or "minor";

    /// <summary>The list PD01, as it ships with the service.</summary>
    public static IReadOnlyList<ColumnClass> All { get; } = Read();

    private static List<ColumnClass> Read()
    {
        using var reader = new StreamReader(typeof(ColumnClass).Assembly.GetManifestResourceStream("data-classes.csv")!);
        return [.. reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(l => l.TrimEnd('\r').Split(',')).Select(c => new ColumnClass(c[0], c[1], c[2], c[3]))];
    }
}

/// <summary>
/// All that the database holds about one person, table by table (PD08). Which columns follows from <c>data-classes.csv</c>; by which column a table knows a person
/// stands here, and so does what is left out and why. Row level security holds as for everything: it reads what the person may see.
/// </summary>
internal static class OwnData
{
    private const string OfAccount = "account_id = @account", OfResident = "resident_id = @resident", OfHousehold = "household_id = @household";

    /// <summary>By which condition a row of a table is about her.</summary>
    public static readonly FrozenDictionary<string, string> Links = new Dictionary<string, string>
    {
        ["accounts"] = "id = @account",
        ["account_photos"] = OfAccount,
        ["we_chat_identities"] = OfAccount,
        ["oidc_identities"] = OfAccount,
        ["sessions"] = OfAccount,
        ["tickets"] = OfAccount,
        ["idempotency_records"] = OfAccount,
        ["subscription_credits"] = OfAccount,
        ["notices"] = OfAccount,
        ["notice_alarms"] = OfAccount,
        ["deliveries"] = OfAccount,
        ["delivery_attempts"] = OfAccount,
        ["audit_entries"] = OfAccount,
        ["consents"] = $"({OfAccount} or {OfResident})",
        ["rights_requests"] = $"({OfAccount} or {OfResident})",
        ["residents"] = "id = @resident",
        ["memberships"] = OfResident,
        ["guardianships"] = "(guardian_id = @resident or ward_id = @resident)",
        ["invites"] = OfResident,
        ["binding_requests"] = OfResident,
        ["tag_values"] = "(subject_id = @resident or subject_id = @household)",
        ["photos"] = $"({OfResident} or resident_id is null and {OfHousehold})",
        ["households"] = "id = @household",
        ["register_marks"] = OfHousehold,
        ["measures"] = OfHousehold,
        ["monthly_evaluations"] = OfHousehold,
        ["visits"] = OfHousehold,
        ["tier_changes"] = OfHousehold,
        ["alarms"] = OfHousehold,
        ["tiles"] = OfHousehold,
        ["tile_changes"] = OfHousehold,
    }.ToFrozenDictionary();

    /// <summary>What is not given, a table or a column, and why. Blind indexes are left out everywhere.</summary>
    public static readonly FrozenDictionary<string, string> Omitted = new Dictionary<string, string>
    {
        ["binding_tickets"] = "十分钟内有效的一次性票据，尚不属于任何账号",
        ["moved_bindings"] = "改绑前的微信，只有不可逆的散列，三十日后删除",
        ["rights_changes"] = "权限变化的技术信号，只含账号编号",
        ["displays"] = "登记大厅屏是职务行为，不是关于本人的信息",
        ["reveals"] = "谁看过完整号码由查阅记录（谁看过我的信息）给出，不显示查看人",
        ["emergency_accesses"] = "谁紧急查看过由查阅记录（谁看过我的信息）给出，不显示查看人",
        ["staff_credentials"] = "后台登录的密码与验证器，给出即失去作用",
        ["staff_devices"] = "登录过的浏览器，只有令牌的散列",
        ["staff_invitations"] = "后台登录的邀请，由安全管理员签发",
        ["staff_proposals"] = "任职的提议，属于职务行为",
        ["households.snapshot"] = "由标签值、登记和随访汇成的副本，含同户其他人的内容",
        ["alarms.acknowledged_by"] = "经办人员",
        ["binding_requests.decided_by"] = "经办人员",
        ["invites.issued_by"] = "经办人员",
        ["guardianships.recorded_by"] = "经办人员",
        ["rights_requests.agreed_by"] = "经办人员",
        ["rights_requests.decided_by"] = "经办人员",
    }.ToFrozenDictionary();

    private static readonly FrozenSet<string> SealedColumns = typeof(SealedFields).GetFields().Select(f => (string)f.GetValue(null)!).ToFrozenSet();

    private static readonly IReadOnlyList<(string Table, IReadOnlyList<string> Columns)> Tables =
        [.. ColumnClass.All.GroupBy(c => c.Table).Where(t => Links.ContainsKey(t.Key)).Select(t => (t.Key, (IReadOnlyList<string>)[.. t.Where(IsGiven).Select(c => c.Column)]))];

    public static IReadOnlyList<NpgsqlBatchCommand> Commands(Guid? account, Guid? resident, Guid? household) => [.. Tables.Select(t => ScopedCommands.Command(
        $"select coalesce(jsonb_agg(t), '[]')::text from (select {string.Join(", ", t.Columns)} from {t.Table} where {Links[t.Table]}) t",
        [.. new (string Name, Guid? Value)[] { ("account", account), ("resident", resident), ("household", household) }.Where(p => Links[t.Table].Contains($"@{p.Name}", StringComparison.Ordinal))
            .Select(p => new NpgsqlParameter(p.Name, NpgsqlDbType.Uuid) { Value = p.Value ?? (object)DBNull.Value })]))];

    /// <summary>The answers of <see cref="Commands"/>, opened: tables that hold something, rows as texts by column, without what is empty.</summary>
    public static async Task<IReadOnlyList<(string Table, IReadOnlyList<IReadOnlyDictionary<string, string>> Rows)>> ReadAsync(ScopedReader reader, Vault vault, CancellationToken cancellation)
    {
        var found = new List<(string, IReadOnlyList<IReadOnlyDictionary<string, string>>)>();
        foreach (var (table, _) in Tables)
        {
            await reader.Rows.ReadAsync(cancellation);
            var rows = JsonNode.Parse(reader.Rows.GetString(0))!.AsArray().Select(r => Open(table, r!.AsObject(), vault)).ToList();
            if (rows.Count > 0) found.Add((table, rows));
            await reader.NextResultAsync(cancellation);
        }

        return found;
    }

    /// <summary>What is personal, and of the rest what tells the rows apart and when they were written.</summary>
    private static bool IsGiven(ColumnClass column) =>
        (column.IsPersonal || column.Column is "id" or "at" or "day" || column.Column.EndsWith("_at", StringComparison.Ordinal))
        && !column.Column.EndsWith("_index", StringComparison.Ordinal) && !Omitted.ContainsKey($"{column.Table}.{column.Column}");

    private static IReadOnlyDictionary<string, string> Open(string table, JsonObject row, Vault vault)
    {
        var opened = new Dictionary<string, string>();
        foreach (var (column, value) in row)
        {
            if (value is null) continue;
            var text = value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : value.ToJsonString();
            var isSealed = SealedColumns.Contains($"{table}.{column}");
            // Nothing was sealed: \x alone.
            if (isSealed && text.Length <= 2) continue;
            opened[column] = isSealed ? vault.OpenText($"{table}.{column}", row["id"]!.GetValue<Guid>(), new Sealed(Convert.FromHexString(text.AsSpan(2)))) : text;
        }

        return opened;
    }
}
