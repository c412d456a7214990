using System.Globalization;
using System.Security.Cryptography;

namespace Backend.Platform.Security;

/// <summary>
/// Hashes of passwords (ID07): PBKDF2 with HMAC-SHA-512, 210,000 rounds (OWASP's figure), a salt each, all of it beside the hash. It takes a tenth of a
/// second of a core, so only so many run at once, on threads of their own turn; who would wait longer than she can is told to come again.
/// </summary>
internal sealed class Passwords : IDisposable
{
    public const int Shortest = 12, Longest = 128;

    /// <summary>When to come again when too many wait for a turn.</summary>
    public static readonly TimeSpan Busy = TimeSpan.FromSeconds(2);

    private const int Rounds = 210_000, SaltLength = 16, HashLength = 32, MostWaiting = 32;
    private const string Kind = "pbkdf2-sha512";

    /// <summary>What people put numbers behind; a password made of one of these and little else is guessed first.</summary>
    private static readonly string[] Common =
    [
        "password", "passw0rd", "p@ssword", "p@ssw0rd", "qwerty", "qwertyuiop", "asdfghjkl", "zxcvbnm", "admin", "administrator", "root", "welcome", "letmein", "iloveyou", "woaini",
        "abc", "abcd", "abcdef", "changeme", "test", "user", "guest", "login", "master", "dragon", "monkey", "china", "zhongguo", "hello", "huanying", "dongchuan", "houtai",
    ];

    private readonly SemaphoreSlim _turns = new(Math.Max(1, Environment.ProcessorCount / 2));
    private int _waiting;

    /// <summary>The hash of a password that nobody has: comparing with it takes as long as with anybody's.</summary>
    public static readonly string Nobody = Text(Rounds, RandomNumberGenerator.GetBytes(SaltLength), RandomNumberGenerator.GetBytes(HashLength));

    /// <summary>Why a password is not taken, in words for its owner; null when it is.</summary>
    public static string? Weakness(string password, string userName)
    {
        if (password.Length < Shortest) return $"密码至少 {Shortest} 个字符。";
        if (password.Distinct().Count() < 5) return "密码不能只由几个重复的字符组成。";
        var lower = password.ToLowerInvariant();
        var runs = lower.Zip(lower.Skip(1), (a, b) => Math.Abs(b - a) <= 1).Count(close => close);
        if (runs * 3 > password.Length * 2) return "密码不能是连续或重复的字符。";
        var letters = lower.Trim("0123456789!@#$%^&*()-_=+.,?~ ".ToCharArray());
        return lower.Contains(userName, StringComparison.Ordinal) || Common.Contains(letters) ? "密码不能含有用户名，也不能是常见的词加数字。" : null;
    }

    /// <returns>Null: too many are waiting.</returns>
    public async Task<string?> HashAsync(string password, CancellationToken cancellation)
    {
        var salt = RandomNumberGenerator.GetBytes(SaltLength);
        return await InTurnAsync(() => Text(Rounds, salt, Derive(password, salt, Rounds)), cancellation);
    }

    /// <returns>Null: too many are waiting.</returns>
    public async Task<bool?> MatchAsync(string hash, string password, CancellationToken cancellation)
    {
        var parts = hash.Split('$');
        if (parts is not [Kind, var rounds, var salt, var expected]) throw new CryptographicException("Not the hash of a password.");
        return await InTurnAsync<bool?>(() => CryptographicOperations.FixedTimeEquals(
            Convert.FromBase64String(expected), Derive(password, Convert.FromBase64String(salt), int.Parse(rounds, CultureInfo.InvariantCulture))), cancellation);
    }

    public void Dispose() => _turns.Dispose();

    private async Task<T?> InTurnAsync<T>(Func<T> work, CancellationToken cancellation)
    {
        try
        {
            if (Interlocked.Increment(ref _waiting) > MostWaiting) return default;
            await _turns.WaitAsync(cancellation);
            try
            {
                return await Task.Run(work, cancellation);
            }
            finally
            {
                _turns.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    private static byte[] Derive(string password, byte[] salt, int rounds) => Rfc2898DeriveBytes.Pbkdf2(password, salt, rounds, HashAlgorithmName.SHA512, HashLength);

    private static string Text(int rounds, byte[] salt, byte[] hash) => string.Create(CultureInfo.InvariantCulture, $"{Kind}${rounds}${Convert.ToBase64String(salt)}${Convert.ToBase64String(hash)}");
}
