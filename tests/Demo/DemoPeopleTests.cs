using System.Globalization;
using Backend.Domain.Facts;
using Local.Demo;
using Local.Sandbox;

namespace Backend.Tests.Demo;

/// <summary>Nobody in the demo can be anybody, and the demo is the same every time.</summary>
public sealed class DemoPeopleTests
{
    private static DemoDistrict District => DemoFiguresTests.District;

    [Fact]
    public void Id_numbers_have_a_valid_check_digit_under_an_area_that_does_not_exist_and_tell_birth_and_sex()
    {
        var numbers = new HashSet<string>();
        foreach (var (person, resident) in District.Households.SelectMany(h => h.Plan.People.Zip(h.Residents)))
        {
            var number = resident.IdNumber;
            Assert.Equal(18, number.Length);
            Assert.StartsWith("990113", number, StringComparison.Ordinal);
            // GB 11643: the weighted sum of all 18 characters leaves 1 modulo 11.
            var sum = number.Select((c, i) => (c == 'X' ? 10 : c - '0') * (int)System.Numerics.BigInteger.ModPow(2, 17 - i, 11)).Sum();
            Assert.Equal(1, sum % 11);
            var born = DateOnly.ParseExact(number[6..14], "yyyyMMdd", CultureInfo.InvariantCulture);
            Assert.Equal(person.Age, FactsMapping.Age(born, District.AsOf));
            Assert.Equal(person.Male, (number[16] - '0') % 2 == 1);
            Assert.True(numbers.Add(number));
        }
        Assert.Equal(26344, numbers.Count);
    }

    [Fact]
    public void Names_begin_with_words_that_are_no_surnames()
    {
        // The eight are in no list of Chinese surnames; each says "made up".
        var names = District.Households.SelectMany(h => h.Residents).Select(r => r.Name).Concat(District.Accounts.Select(a => a.Name)).ToList();
        Assert.All(names, n => Assert.Contains(n[..1], DemoNames.Surnames));
        Assert.All(names, n => Assert.Equal(3, n.Length));
        Assert.Equal(["仿", "例", "假", "拟", "样", "演", "虚", "试"], DemoNames.Surnames.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Phones_lie_in_a_range_given_to_nobody_and_children_under_14_have_none()
    {
        var people = District.Households.SelectMany(h => h.Plan.People.Zip(h.Residents)).ToList();
        var phones = people.Select(p => p.Second.Phone).OfType<string>().ToList();
        Assert.All(phones, p => Assert.Matches("^154[0-9]{8}$", p));
        Assert.Equal(phones.Count, phones.Distinct().Count());
        Assert.All(people.Where(p => p.First.Age < 14), p => Assert.True(p.Second.Phone is null && p.Second.PhotoId is null));
        Assert.All(people.Where(p => p.First.IsHead), p => Assert.NotNull(p.Second.Phone));
        // Of staff and officials too, and of nobody twice.
        var others = District.Accounts.Where(a => a.ResidentId is null).Select(a => DemoNames.Phone(a.PhoneNumber!.Value)).ToList();
        Assert.Empty(others.Intersect(phones));
        Assert.Equal(others.Count, others.Distinct().Count());
    }

    [Fact]
    public void Every_account_has_a_wechat_identity_and_every_leader_can_be_told()
    {
        var identities = District.Identities.ToDictionary(i => i.AccountId);
        Assert.Equal(District.Accounts.Count, identities.Values.Select(i => i.OpenId).Distinct().Count());
        Assert.All(identities.Values, i => Assert.True(DemoCodes.IsOpenId(i.OpenId)));
        Assert.All(District.Appointments, a => Assert.True(identities[a.AccountId].EmploymentBound));
        Assert.Equal(
            DemoCodes.All.Order(StringComparer.Ordinal), District.Accounts.Select(a => a.DemoCode).OfType<string>().Order(StringComparer.Ordinal));
        Assert.All(District.Accounts.Where(a => a.DemoCode is not null), a => Assert.Equal(DemoCodes.OpenIdOf(a.DemoCode!), identities[a.Id].OpenId));
    }

    [Fact]
    public void Two_drawings_of_the_district_are_the_same()
    {
        var (one, two) = (new DemoDistrict(District.AsOf, new DemoBlueprint()), District);
        Assert.Equal(two.Nodes.Select(n => (n.Id, n.Path, n.Name)), one.Nodes.Select(n => (n.Id, n.Path, n.Name)));
        Assert.Equal(two.Accounts, one.Accounts);
        Assert.Equal(two.Appointments.Select(a => (a.Id, a.PostId, a.AccountId, a.FromDay)), one.Appointments.Select(a => (a.Id, a.PostId, a.AccountId, a.FromDay)));
        foreach (var (a, b) in one.Households.Zip(two.Households))
        {
            Assert.Equal(b.Residents, a.Residents);
            Assert.Equal(b.Values, a.Values);
            Assert.Equal(b.Visits, a.Visits);
            Assert.Equal(b.Measures, a.Measures);
            Assert.Equal(b.Snapshot.ToBytes(), a.Snapshot.ToBytes());
        }
    }

    [Fact]
    public void On_another_day_everybody_is_as_old_and_every_visit_as_long_ago()
    {
        var leap = DemoDistrict.Generate(new DateOnly(2028, 2, 29));
        foreach (var (a, b) in leap.Households.Zip(District.Households).Where((_, i) => i % 11 == 0))
        {
            Assert.Equal(b.Id, a.Id);
            Assert.Equal((b.Tier, b.State), (a.Tier, a.State));
            Assert.Equal(
                b.Visits.Select(v => District.AsOf.DayNumber - v.Day.DayNumber),
                a.Visits.Select(v => leap.AsOf.DayNumber - v.Day.DayNumber));
            foreach (var (person, resident) in a.Plan.People.Zip(a.Residents))
                Assert.Equal(person.Age, FactsMapping.Age(DateOnly.ParseExact(resident.IdNumber[6..14], "yyyyMMdd", CultureInfo.InvariantCulture), leap.AsOf));
        }
    }
}
