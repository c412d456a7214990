using System.Text.Json;
using Backend.Domain.Facts;
using Backend.Domain.Households;
using Backend.Domain.Privacy;
using Backend.Domain.Tiers;
using Backend.Tests.Domain.Facts;
using FsCheck.Xunit;

namespace Backend.Tests.Domain.Tiers;

/// <summary>The properties of tier-rules.md, over facts that FsCheck makes.</summary>
public class TierProperties
{
    private static Evaluation Evaluate(HouseholdFacts facts, Tier tier, TierState? state) => TierEngine.Evaluate(facts, tier, state, FactDials.Rules);

    [Property(MaxTest = 2000)]
    public void Monotone_more_severe_facts_never_give_a_milder_tier(byte[] dials, byte which)
    {
        var (facts, tier, state) = FactDials.Of(dials);
        var mild = Evaluate(facts, tier, state);
        var field = which % FactDials.Fields.Length;
        var levels = FactDials.Fields[field].Levels.Length;
        var level = field < dials.Length ? dials[field] % levels : 0;
        for (var worse = level + 1; worse < levels; worse++)
        {
            var severe = Evaluate(FactDials.Fields[field].Levels[worse](facts), tier, state);
            Assert.True(severe.EngineTier >= mild.EngineTier, $"{FactDials.Fields[field].Name} {level} to {worse}: {mild.EngineTier} to {severe.EngineTier}");
            // The register is both: its mark "eliminated" is graver than "lifted", and it is what lets a confirmed red fall.
            if (field > 0) Assert.True(severe.Tier >= mild.Tier, $"{FactDials.Fields[field].Name} {level} to {worse}: {mild.Tier} to {severe.Tier}");
        }
    }

    [Property(MaxTest = 500)]
    public void The_same_facts_give_the_same_evaluation_and_hash(byte[] dials)
    {
        var (facts, tier, state) = FactDials.Of(dials);

        Assert.Equal(JsonSerializer.Serialize(Evaluate(facts, tier, state)), JsonSerializer.Serialize(Evaluate(facts with { }, tier, state)));
        Assert.Equal(RuleSet.Default.Hash, Evaluate(facts, tier, state).RuleSetHash);
    }

    [Property(MaxTest = 2000)]
    public void Unknown_never_gives_green(byte[] dials, byte which)
    {
        var (facts, tier, state) = FactDials.Of(dials);
        var evaluation = Evaluate(FactDials.Unknowns[which % FactDials.Unknowns.Length](facts), tier, state);

        Assert.NotEqual(Tier.Green, evaluation.EngineTier);
        Assert.NotEqual(Tier.Green, evaluation.Tier);
        Assert.Contains(evaluation.Reasons, reason => reason.Rule == "Y11");
    }

    [Property(MaxTest = 2000)]
    public void The_register_is_a_floor_and_the_tier_is_never_milder_than_the_engines(byte[] dials)
    {
        var (facts, tier, state) = FactDials.Of(dials);
        var evaluation = Evaluate(facts, tier, state);

        if (facts.Registry.Value == RegisterStatus.Monitored) Assert.Equal((Tier.Red, (TierState?)TierState.Confirmed), (evaluation.Tier, evaluation.State));
        if (facts.Registry.Value == RegisterStatus.Eliminated) Assert.True(evaluation.Tier >= Tier.Orange);
        Assert.True(evaluation.Tier >= evaluation.EngineTier);
    }

    [Property(MaxTest = 2000)]
    public void AZ17_a_lower_tier_never_appears_without_a_recorded_approval_or_a_register_mark(byte[] dials)
    {
        var (facts, tier, state) = FactDials.Of(dials);
        var evaluation = Evaluate(facts, tier, state);
        if (evaluation.Tier >= TierEngine.Kept(tier, state)) return;

        var byMark = tier == Tier.Red && facts.Registry.Value == RegisterStatus.Eliminated && evaluation.Tier == Tier.Orange;
        Assert.True(byMark || facts.Approvals.Value >= 2 || facts.LoweringApproved.Value);
    }

    [Property(MaxTest = 2000)]
    public void AZ17_no_household_takes_a_lower_tier_when_nobody_acts(byte[] dials)
    {
        var (facts, tier, state) = FactDials.Of(dials);
        var household = Household(tier, state);

        var change = household.Take(null, Evaluate(facts, tier, state), Material.Cadences, null, DateTimeOffset.UnixEpoch, actor: null);

        Assert.True(household.Tier >= tier);
        Assert.True(change is null || change.To >= tier);
    }

    [Property(MaxTest = 2000)]
    public void Blockers_and_states_stand_where_tier_rules_puts_them(byte[] dials)
    {
        var (facts, tier, state) = FactDials.Of(dials);
        var evaluation = Evaluate(facts, tier, state);

        var isRise = evaluation.Tier > TierEngine.Kept(tier, state);
        if (isRise || evaluation.Tier == Tier.Green) Assert.Empty(evaluation.Blockers);
        Assert.Equal(evaluation.Tier == Tier.Red, evaluation.State is TierState.Provisional or TierState.Confirmed);
        if (evaluation.State == TierState.Unassessed) Assert.Equal((Tier.Yellow, "Y11"), (evaluation.Tier, string.Join(' ', evaluation.Reasons.Select(reason => reason.Rule))));
        var order = evaluation.Reasons.Select(reason => RuleTexts.Ids.ToList().IndexOf(reason.Rule)).ToArray();
        Assert.Equal(order.Order(), order);
        Assert.All(evaluation.Reasons, reason => Assert.True(reason.Rule == "G0" || reason.Facts.Count > 0));
    }

    internal static Household Household(Tier tier, TierState? state) => new()
    {
        Id = Material.Id(1),
        NodeId = Material.Id(2),
        NodePath = "dc.td.ty.a1.b13.f4",
        RootId = Material.Id(3),
        Door = "13-4-104",
        RecordedOn = Material.Today.AddYears(-4),
        Tier = tier,
        State = state,
        Snapshot = Sealed.None,
    };
}
