using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace Backend.Tests.Platform.Security;

public sealed class CheckedTokensTests : IDisposable
{
    private readonly FakeTimeProvider _clock = new(Api.Noon);
    private readonly Tokens _tokens;
    private readonly CheckedTokens _checks;

    public CheckedTokensTests()
    {
        _tokens = new Tokens(new TokenOptions { SigningKey = PostgresFixture.Secrets.SigningKey, RefreshKey = PostgresFixture.Secrets.RefreshKey }, _clock);
        _checks = new CheckedTokens(_clock);
    }

    public void Dispose() => _tokens.Dispose();

    [Fact]
    public async Task ID03_a_token_that_passed_is_remembered_with_what_it_says_and_no_longer_than_it_lives()
    {
        var (account, session) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var token = _tokens.Access(account, session);
        var first = await _checks.ValidateTokenAsync(token, _tokens.Validation);
        var second = await _checks.ValidateTokenAsync(token, _tokens.Validation);
        Assert.True(first.IsValid);
        Assert.Same(first, second);
        Assert.Equal(account.ToString(), second.ClaimsIdentity.FindFirst(SessionClaims.Account)?.Value);
        Assert.Equal(session.ToString(), second.ClaimsIdentity.FindFirst(SessionClaims.Session)?.Value);

        _clock.Advance(Tokens.AccessLifetime + TimeSpan.FromSeconds(31));
        Assert.False((await _checks.ValidateTokenAsync(token, _tokens.Validation)).IsValid);
    }

    [Fact]
    public async Task ID03_a_token_with_another_signature_is_not_the_one_that_passed()
    {
        var token = _tokens.Access(Guid.CreateVersion7(), Guid.CreateVersion7());
        var other = _tokens.Access(Guid.CreateVersion7(), Guid.CreateVersion7());
        Assert.True((await _checks.ValidateTokenAsync(token, _tokens.Validation)).IsValid);
        Assert.True((await _checks.ValidateTokenAsync(other, _tokens.Validation)).IsValid);

        var mixed = token[..token.LastIndexOf('.')] + other[other.LastIndexOf('.')..];
        Assert.False((await _checks.ValidateTokenAsync(mixed, _tokens.Validation)).IsValid);
        Assert.False((await _checks.ValidateTokenAsync(mixed, _tokens.Validation)).IsValid);
        Assert.Equal(2, _checks.Count);
    }

    [Fact]
    public async Task ID03_no_more_tokens_are_remembered_than_there_is_room_for()
    {
        var validation = _tokens.Validation;
        for (var i = 0; i < 50; i++) await _checks.ValidateTokenAsync(_tokens.Access(Guid.CreateVersion7(), Guid.CreateVersion7()), validation);
        Assert.Equal(50, _checks.Count);
        _clock.Advance(Tokens.AccessLifetime);
        _checks.MakeRoom(most: 50);
        Assert.Equal(0, _checks.Count);
        for (var i = 0; i < 50; i++) await _checks.ValidateTokenAsync(_tokens.Access(Guid.CreateVersion7(), Guid.CreateVersion7()), validation);
        _checks.MakeRoom(most: 50);
        Assert.Equal(0, _checks.Count);
    }
}
