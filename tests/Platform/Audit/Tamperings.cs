using Backend.Platform.Audit;

namespace Backend.Tests.Platform.Audit;

/// <summary>What a superuser can do to a chain, by SQL that really changes something, and which seal is the first that no longer holds.</summary>
internal sealed record Tampering(string What, string Sql, long Seal)
{
    /// <summary>For each column of an entry an expression that is another value.</summary>
    private static readonly Dictionary<string, string> OtherEntryValues = new()
    {
        ["id"] = "gen_random_uuid()",
        ["at"] = "at + interval '1 microsecond'",
        ["account_id"] = "case when account_id is null then gen_random_uuid() end",
        ["session_id"] = "case when session_id is null then gen_random_uuid() end",
        ["roles"] = "case when roles is null then 'staff' end",
        ["scope"] = "coalesce(scope || ',d', '')",
        ["operation"] = "operation || ' '",
        ["target_ids"] = "target_ids || gen_random_uuid()",
        ["result"] = "case result when 'done' then 'not_found' else 'done' end",
        ["address"] = "case when address is null then '::1' end",
        ["correlation_id"] = "''",
        ["writer_id"] = "gen_random_uuid()",
        ["writer_number"] = "writer_number - 1",
        ["mac"] = "set_byte(mac, {byte}, get_byte(mac, {byte}) # 1)",
    };

    private static readonly Dictionary<string, string> OtherSealValues = new()
    {
        ["number"] = "number + 1000",
        ["sealed_at"] = "sealed_at + interval '1 microsecond'",
        ["snapshot"] = "(select o.snapshot from audit_seals o where o.number = {other})",
        ["entries"] = "entries - 1",
        ["hash"] = "sha256(hash)",
        ["mac"] = "set_byte(mac, {byte}, get_byte(mac, {byte}) # 1)",
    };

    /// <summary>Every kind in its turn, on entries and seals at random.</summary>
    public static IEnumerable<Tampering> Of(ChainUnderTest chain, Random random)
    {
        var kinds = Kinds(chain, random).ToList();
        while (true)
            foreach (var kind in kinds) yield return kind();
    }

    /// <summary>The columns that are changed, so that a new one is not forgotten.</summary>
    public static IEnumerable<string> Columns =>
        OtherEntryValues.Keys.Append("xid").Select(c => $"audit_entries.{c}").Concat(OtherSealValues.Keys.Select(c => $"audit_seals.{c}"));

    private static IEnumerable<Func<Tampering>> Kinds(ChainUnderTest chain, Random random)
    {
        var last = chain.Seals.Count;
        foreach (var (column, other) in OtherEntryValues)
            yield return Any(seal => new($"an entry's {column} changed", $"update audit_entries set {column} = {Filled(other, seal)} where id = '{EntryOf(seal)}'", seal));
        foreach (var (column, other) in OtherSealValues)
            yield return Any(seal => new($"a seal's {column} changed", $"update audit_seals set {column} = {Filled(other, seal)} where number = {seal}", seal));
        yield return Two((one, two) => new("an entry moved to another seal's transaction",
            $"update audit_entries set xid = (select o.xid from audit_entries o where o.id = '{EntryOf(two)}') where id = '{EntryOf(one)}'", Math.Min(one, two)));
        foreach (var columns in (string[])["xid", "mac", "at", "scope, correlation_id, operation"])
            yield return Two((one, two) =>
            {
                var pair = $"('{EntryOf(one)}', '{EntryOf(two)}')";
                return new($"two entries' {columns} swapped",
                    $"update audit_entries e set ({columns}) = (select {columns} from audit_entries o where o.id in {pair} and o.id <> e.id) where e.id in {pair}", Math.Min(one, two));
            });
        yield return Any(seal => new("an entry deleted", $"delete from audit_entries where id = '{EntryOf(seal)}'", seal));
        yield return Any(seal => new("a seal's entries deleted", $"delete from audit_entries where id = {Ids(chain.Seals[(int)seal - 1])}", seal));
        yield return Any(seal => new("an entry deleted and its seal made to fit",
            $"delete from audit_entries where id = '{EntryOf(seal)}'; update audit_seals set entries = entries - 1, hash = sha256(hash) where number = {seal}", seal));
        yield return Any(seal => new("an entry copied", $"""
            insert into audit_entries ({ChainUnderTest.Columns}, at, xid)
            select gen_random_uuid(), {ChainUnderTest.Columns["id, ".Length..]}, at, xid from audit_entries where id = '{EntryOf(seal)}'
            """, seal));
        yield return Any(seal => new("an entry without a MAC inserted", $"""
            insert into audit_entries (id, operation, target_ids, result, correlation_id, at, xid)
            select gen_random_uuid(), 'readHousehold', target_ids, 'done', '', at, xid from audit_entries where id = '{EntryOf(seal)}'
            """, seal));
        yield return Any(seal => new("a seal deleted", $"delete from audit_seals where number = {seal}", seal));
        yield return () => new("a seal inserted at the end", $"insert into audit_seals select number + 1, sealed_at, snapshot, entries, hash, mac from audit_seals where number = {last}", last + 1);
        yield return () => new("a seal inserted at the beginning", "insert into audit_seals select 0, sealed_at, snapshot, entries, hash, mac from audit_seals where number = 1", 0);
        yield return Two((one, two) => new("two seals swapped", $"""
            update audit_seals set number = -1 where number = {one};
            update audit_seals set number = {one} where number = {two};
            update audit_seals set number = {two} where number = -1
            """, Math.Min(one, two)));
        yield return Any(first => new("the tail cut off", $"delete from audit_entries where id = {Since(first)}; delete from audit_seals where number >= {first}", first));
        yield return Any(first => new("the tail's seals cut off", $"delete from audit_seals where number >= {first}", first));
        yield return Any(first => new("the tail's entries cut off", $"delete from audit_entries where id = {Since(first)}", first));
        yield return () => new("everything deleted", "truncate audit_entries, audit_seals", 1);

        Func<Tampering> Any(Func<long, Tampering> make) => () => make(random.Next(last) + 1);
        Func<Tampering> Two(Func<long, long, Tampering> make) => Any(one => make(one, OtherThan(one)));
        long OtherThan(long seal) => (seal - 1 + random.Next(1, last)) % last + 1;
        Guid EntryOf(long seal) => chain.Seals[(int)seal - 1][random.Next(chain.Seals[(int)seal - 1].Count)];
        string Filled(string value, long seal) => value.Replace("{byte}", $"{random.Next(AuditKeys.Length)}", StringComparison.Ordinal).Replace("{other}", $"{OtherThan(seal)}", StringComparison.Ordinal);
        string Since(long first) => Ids(chain.Seals.Skip((int)first - 1).SelectMany(s => s));
        static string Ids(IEnumerable<Guid> ids) => $"any('{{{string.Join(',', ids)}}}'::uuid[])";
    }
}
