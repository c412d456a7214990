using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;

namespace Backend.Domain.Tiers;

/// <summary>
/// 规则集: versioned data. The rules are code that reads parameters; the parameters are dated and belong to a place. Its hash is the SHA-256 of
/// the canonical form of the whole set (names in order, no blanks, numbers without needless zeros), so layout never changes it.
/// Source: tier-rules.md.
/// </summary>
internal sealed class RuleSet
{
    private static readonly Lazy<RuleSet> s_default = new(ReadDefault);
    private readonly Entry[] _entries;
    private readonly ConcurrentDictionary<ulong, RuleParameters> _resolved = new();

    private RuleSet(string name, string hash, Entry[] entries)
    {
        Name = name;
        Hash = hash;
        _entries = entries;
    }

    /// <summary>The rule set that ships with the product, <c>default-1</c>.</summary>
    public static RuleSet Default => s_default.Value;

    public string Name { get; }

    /// <summary>SHA-256 of the canonical bytes, lower-case hex.</summary>
    public string Hash { get; }

    /// <summary>
    /// The parameters of a place on a day. For each parameter the most specific place wins, then the newest start that has come; places are
    /// compared by whole segments of the path (AZ04). Before the first start the first entries hold.
    /// </summary>
    /// <param name="nodePath">Grid path of the household's node, e.g. <c>dc.td.ty.a1.b13.f4</c>; empty for the default.</param>
    /// <param name="day">The Shanghai day of the evaluation.</param>
    public RuleParameters At(string nodePath, DateOnly day)
    {
        var key = 0UL;
        for (var i = 0; i < _entries.Length; i++)
        {
            if (_entries[i].Holds(nodePath, day)) key |= 1UL << i;
        }

        return _resolved.GetOrAdd(key, static (key, set) =>
        {
            var values = new Dictionary<string, decimal>();
            for (var i = 0; i < set._entries.Length; i++)
            {
                if ((key & (1UL << i)) == 0) continue;
                foreach (var (name, value) in set._entries[i].Values) values[name] = value;
            }

            return new RuleParameters(set.Name, set.Hash, values);
        }, this);
    }

    /// <summary>The days after <paramref name="day"/> on which parameters of the place change.</summary>
    public IEnumerable<DateOnly> ChangesAfter(string nodePath, DateOnly day) =>
        _entries.Where(entry => entry.From > day && entry.Covers(nodePath)).Select(entry => entry.From);

    /// <exception cref="FormatException">The bytes are no rule set: bad JSON, a parameter that no rule reads, or one that has no default.</exception>
    public static RuleSet Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            var name = root.GetProperty("name").GetString() ?? throw new FormatException("The rule set has no name.");
            var entries = root.GetProperty("parameters").EnumerateArray().Select(Entry.Read)
                .OrderBy(entry => entry.Depth).ThenBy(entry => entry.From).ThenBy(entry => entry.Place, StringComparer.Ordinal).ToArray();
            if (entries.Length is 0 or > 64) throw new FormatException("A rule set holds 1 to 64 entries of parameters.");
            foreach (var place in entries.GroupBy(entry => (entry.Place, entry.From)).Where(group => group.Count() > 1))
                throw new FormatException($"The rule set has two entries for '{place.Key.Place}' from {place.Key.From:yyyy-MM-dd}.");
            entries[0].IsFirst = true;
            var set = new RuleSet(name, Convert.ToHexStringLower(SHA256.HashData(Canonical(root))), entries);
            set.At("", DateOnly.MinValue);
            foreach (var entry in entries) set.At(entry.Place, entry.From);
            return set;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new FormatException("The rule set is not readable: " + e.Message, e);
        }
    }

    private static RuleSet ReadDefault()
    {
        using var stream = typeof(RuleSet).Assembly.GetManifestResourceStream("rule-set.default-1.json")!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return Parse(bytes);
    }

    private static byte[] Canonical(JsonElement root)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream)) Write(root, writer);
        return stream.ToArray();

        static void Write(JsonElement element, Utf8JsonWriter writer)
        {
            switch (element.ValueKind)
            {
                case JsonValueKind.Object:
                    writer.WriteStartObject();
                    foreach (var property in element.EnumerateObject().OrderBy(property => property.Name, StringComparer.Ordinal))
                    {
                        writer.WritePropertyName(property.Name);
                        Write(property.Value, writer);
                    }

                    writer.WriteEndObject();
                    break;
                case JsonValueKind.Array:
                    writer.WriteStartArray();
                    foreach (var item in element.EnumerateArray()) Write(item, writer);
                    writer.WriteEndArray();
                    break;
                case JsonValueKind.Number:
                    writer.WriteRawValue(element.GetDecimal().ToString("0.############", CultureInfo.InvariantCulture));
                    break;
                default:
                    element.WriteTo(writer);
                    break;
            }
        }
    }

    private sealed class Entry
    {
        public required string Place { get; init; }
        public required DateOnly From { get; init; }
        public required IReadOnlyDictionary<string, decimal> Values { get; init; }
        public bool IsFirst { get; set; }
        public int Depth => Place.Length == 0 ? 0 : Place.Count(c => c == '.') + 1;

        public bool Covers(string path) => Place.Length == 0
            || path.StartsWith(Place, StringComparison.Ordinal) && (path.Length == Place.Length || path[Place.Length] == '.');

        public bool Holds(string path, DateOnly day) => (From <= day || IsFirst) && Covers(path);

        public static Entry Read(JsonElement element) => new()
        {
            Place = element.GetProperty("place").GetString() ?? "",
            From = DateOnly.ParseExact(element.GetProperty("from").GetString() ?? "", "yyyy-MM-dd", CultureInfo.InvariantCulture),
            Values = element.GetProperty("values").EnumerateObject().ToDictionary(property => property.Name, property => property.Value.GetDecimal()),
        };
    }
}

/// <summary>参数: the parameters of one place on one day, with the rule set they come from. Money in yuan a year, days in days.</summary>
internal sealed class RuleParameters
{
    private static readonly HashSet<string> s_names =
    [
        "monitoring_line", "attention_factor", "clear_factor", "medical_self_paid", "education_self_paid", "event_days", "insurance_grace_days",
        "zero_employment_days", "income_stale_days", "income_drop_pct", "unstable_months", "job_lost_days", "red_min_days", "clear_months",
        "orange_min_days", "yellow_clear_days", "verify_visit_days", "temporary_relief_count", "dependents_per_worker", "orange_end_days",
    ];

    private readonly IReadOnlyDictionary<string, decimal> _values;

    /// <exception cref="FormatException">A name that no rule reads, a parameter that is missing, or a number of days that is not whole.</exception>
    public RuleParameters(string ruleSet, string hash, IReadOnlyDictionary<string, decimal> values)
    {
        foreach (var name in values.Keys.Where(name => !s_names.Contains(name))) throw new FormatException($"No rule reads the parameter {name}.");
        (RuleSet, Hash, _values) = (ruleSet, hash, values);
        MonitoringLine = Amount("monitoring_line");
        AttentionFactor = Amount("attention_factor");
        ClearFactor = Amount("clear_factor");
        MedicalSelfPaid = Amount("medical_self_paid");
        EducationSelfPaid = Amount("education_self_paid");
        EventDays = Whole("event_days");
        InsuranceGraceDays = Whole("insurance_grace_days");
        ZeroEmploymentDays = Whole("zero_employment_days");
        IncomeStaleDays = Whole("income_stale_days");
        IncomeDropPct = Amount("income_drop_pct");
        UnstableMonths = Amount("unstable_months");
        JobLostDays = Whole("job_lost_days");
        RedMinDays = Whole("red_min_days");
        ClearMonths = Whole("clear_months");
        OrangeMinDays = Whole("orange_min_days");
        YellowClearDays = Whole("yellow_clear_days");
        VerifyVisitDays = Whole("verify_visit_days");
        TemporaryReliefCount = Whole("temporary_relief_count");
        DependentsPerWorker = Whole("dependents_per_worker");
        OrangeEndDays = values.ContainsKey("orange_end_days") ? Whole("orange_end_days") : null;
    }

    public string RuleSet { get; }
    public string Hash { get; }
    public decimal MonitoringLine { get; }
    public decimal AttentionFactor { get; }
    public decimal ClearFactor { get; }
    public decimal MedicalSelfPaid { get; }
    public decimal EducationSelfPaid { get; }
    public int EventDays { get; }
    public int InsuranceGraceDays { get; }
    public int ZeroEmploymentDays { get; }
    public int IncomeStaleDays { get; }
    public decimal IncomeDropPct { get; }
    public decimal UnstableMonths { get; }
    public int JobLostDays { get; }
    public int RedMinDays { get; }
    public int ClearMonths { get; }
    public int OrangeMinDays { get; }
    public int YellowClearDays { get; }
    public int VerifyVisitDays { get; }
    public int TemporaryReliefCount { get; }
    public int DependentsPerWorker { get; }
    /// <summary>Days after elimination at which O1 ends by itself, where the deployment sets one (H5); null: it never does.</summary>
    public int? OrangeEndDays { get; }

    /// <summary>What the thresholds are called in Chinese.</summary>
    public RuleThresholds Thresholds => field ??= new RuleThresholds(this);

    /// <summary>The same parameters with others in their place, for a what-if or the worked examples.</summary>
    public RuleParameters With(IEnumerable<KeyValuePair<string, decimal>> others)
    {
        var values = new Dictionary<string, decimal>(_values);
        foreach (var (name, value) in others) values[name] = value;
        return new RuleParameters(RuleSet, Hash, values);
    }

    private decimal Amount(string name) =>
        _values.TryGetValue(name, out var value) ? value : throw new FormatException($"The rule set lacks the parameter {name}.");

    private int Whole(string name) => Amount(name) is var value && value == decimal.Truncate(value) && value is >= 0 and <= 36500
        ? (int)value
        : throw new FormatException($"The parameter {name} is no whole number from 0 to 36500.");
}
