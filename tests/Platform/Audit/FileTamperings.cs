using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Backend.Platform.Audit;

namespace Backend.Tests.Platform.Audit;

/// <summary>What somebody without the keys can do to an exported file, which really changes it, and between which lines it must be noticed.</summary>
/// <param name="What">In words.</param>
/// <param name="File">The file afterwards.</param>
/// <param name="First">The seal's line before the change: what is missing from a seal, or too much in it, is told of the whole seal.</param>
/// <param name="Last">The line of the change.</param>
internal sealed record FileTampering(string What, byte[] File, long First, long Last)
{
    /// <param name="whole">The file of several days.</param>
    /// <param name="parts">Files of these days one by one, from the same chain.</param>
    /// <param name="random">The lot.</param>
    public static IEnumerable<FileTampering> Of(byte[] whole, IReadOnlyList<byte[]> parts, Random random)
    {
        var kinds = Kinds(Lines(whole), [.. parts.Select(Lines)], random).ToList();
        while (true)
            foreach (var kind in kinds) yield return kind();
    }

    private static IEnumerable<Func<FileTampering>> Kinds(List<byte[]> lines, List<List<byte[]>> parts, Random random)
    {
        var last = lines.Count - 1;
        yield return Any("a bit changed", () => random.Next(last + 1), at => [.. lines[..at], Flipped(lines[at], random.Next(lines[at].Length)), .. lines[(at + 1)..]]);
        foreach (var kind in (string[])["header", "seal", "entry", "footer"])
        {
            yield return Any($"a readable member of a {kind} changed", () => LineOf(kind), at => With(at, Changed(lines[at], m => m is not ("line" or "record" or "mac"))), exactly: true);
            yield return Any($"the proof in a {kind} changed", () => LineOf(kind), at => With(at, Changed(lines[at], m => m is "record" or "mac" or "hash")));
            yield return Any($"a {kind} deleted", () => LineOf(kind), at => [.. lines[..at], .. lines[(at + 1)..]]);
            yield return Any($"a {kind} twice", () => LineOf(kind), at => [.. lines[..at], lines[at], .. lines[at..]], more: 1);
            yield return Any($"a {kind} put into other spaces", () => LineOf(kind), at => With(at, [.. lines[at], (byte)' ']), exactly: true);
        }

        // Whoever knows the format can make the readable members fit again.
        yield return Any("an entry's operation changed, readably too", () => LineOf("entry"), at => With(at, Remade(lines[at], r => Replaced(r, "done"u8, "none"u8) ?? Replaced(r, "not_found"u8, "not_fiund"u8)!)), exactly: true);
        yield return Any("an entry's moment changed, readably too", () => LineOf("entry"), at => With(at, Remade(lines[at], r => Flipped(r, r.Length - 17 - random.Next(3)))));
        yield return Any("an entry's transaction changed, readably too", () => LineOf("entry"), at => With(at, Remade(lines[at], r => Flipped(r, r.Length - 1 - random.Next(8)))));
        yield return Two("two lines swapped", (one, two) => With(one, lines[two], two, lines[one]));
        yield return Two("a line over another one", (one, two) => With(two, lines[one]), first: false);
        yield return Any("a line of elsewhere inserted", () => random.Next(last) + 1, at => [.. lines[..at], lines[random.Next(last + 1)], .. lines[at..]]);
        yield return Any("a line that is none inserted", () => random.Next(last) + 1, at => [.. lines[..at], Bytes(random.Next(3) switch { 0 => "", 1 => "{}", _ => "\0" }), .. lines[at..]], exactly: true);
        yield return Any("the tail cut off", () => random.Next(last) + 1, at => lines[..at], exactly: true);
        yield return () =>
        {
            var (file, at) = (Joined(lines), 0);
            file = file[..(at = random.Next(file.Length))];
            return new("cut off anywhere", file, file.Count(b => b == '\n') + 1, file.Count(b => b == '\n') + 1);
        };
        yield return Any("the tail cut off and the footer left", () => random.Next(last - 1) + 1, at => [.. lines[..at], lines[last]], more: 0);
        yield return Any("the tail cut off and a footer made", () => LineOf("seal"), at => [.. lines[..at], Footer(lines[..at])], exactly: true);
        yield return () => Made("the end left without its line's end", Joined(lines)[..^1], last, last);
        yield return () => Made("extended", Joined([.. lines, lines[last]]), last + 1, last + 1);
        // The pieces are true, each for itself.
        yield return () => Made("another range's header", Joined([parts[0][0], .. lines[1..]]), last, last);
        yield return () => Made("a later range's header", Joined([parts[1][0], .. lines[1..]]), 1, 1);
        yield return () => Made("another range's footer", Joined([.. lines[..last], parts[1][^1]]), last, last);
        yield return () => Made("another range's seals", Joined([lines[0], .. parts[1][1..^1], lines[last]]), 1, 1);
        yield return () => Made("two ranges in one", Joined([.. parts[0][..^1], .. parts[1][1..]]), last, last);
        yield return () => Made("two files in one", Joined([.. parts[0], .. parts[1]]), parts[0].Count, parts[0].Count);
        yield return () => Made("empty", [], 0, 0);

        int LineOf(string kind) => Pick([.. Enumerable.Range(0, last + 1).Where(i => lines[i].AsSpan().StartsWith(Bytes($"{{\"line\":\"{kind}\"")))]);
        int SealBefore(int at) => Enumerable.Range(0, Math.Max(at, 1)).Last(i => i == 0 || lines[i].AsSpan().StartsWith("{\"line\":\"seal\""u8));
        int Pick(IReadOnlyList<int> of) => of[random.Next(of.Count)];
        List<byte[]> With(int one, byte[] other, int? two = null, byte[]? another = null) => [.. lines.Select((l, i) => i == one ? other : i == two ? another! : l)];
        FileTampering Made(string what, byte[] file, int from, int to) => new(what, file, from + 1, to + 1);
        Func<FileTampering> Any(string what, Func<int> where, Func<int, List<byte[]>> change, int more = 0, bool exactly = false) => () =>
        {
            while (true)
            {
                var at = where();
                var file = Joined(change(at));
                if (!file.AsSpan().SequenceEqual(Joined(lines))) return Made(what, file, exactly ? at : SealBefore(at), at + more);
            }
        };
        Func<FileTampering> Two(string what, Func<int, int, List<byte[]>> change, bool first = true) => () =>
        {
            var (one, two) = (random.Next(last + 1), 0);
            while ((two = random.Next(last + 1)) == one) { }
            var at = first ? Math.Min(one, two) : two;
            return Made(what, Joined(change(one, two)), SealBefore(at), at + 1);
        };

        byte[] Changed(byte[] line, Func<string, bool> which)
        {
            var members = JsonNode.Parse(line)!.AsObject();
            var names = members.Select(m => m.Key).Where(which).ToList();
            var name = names[random.Next(names.Count)];
            members[name] = members[name] switch
            {
                null => JsonValue.Create("x"),
                JsonArray list => new JsonArray([.. list.Select(i => i!.DeepClone()), JsonValue.Create($"{Guid.CreateVersion7()}")]),
                var value when name is "record" or "mac" or "hash" => JsonValue.Create(Convert.ToBase64String(Flipped(Convert.FromBase64String(value.ToString())))),
                var value when value.GetValueKind() == System.Text.Json.JsonValueKind.Number => JsonValue.Create(value.GetValue<long>() + 1),
                var value => JsonValue.Create(Other(value.ToString())),
            };
            return Bytes(members.ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
        }

        byte[] Flipped(byte[] bytes, int? at = null)
        {
            var (flipped, place) = (bytes.ToArray(), at ?? random.Next(bytes.Length));
            flipped[place] ^= (byte)(1 << random.Next(7));
            return flipped;
        }
    }

    /// <summary>Another text of the same kind: its last digit or letter is another one.</summary>
    private static string Other(string text)
    {
        var at = text.Length - 1;
        while (at > 0 && !char.IsAsciiLetterOrDigit(text[at])) at--;
        return at < 0 ? "x" : text[..at] + (text[at] == '1' ? '2' : '1') + text[(at + 1)..];
    }

    private static byte[] Remade(byte[] line, Func<byte[], byte[]> change) =>
        AuditFile.Write(AuditFileEntry.Of(change(Convert.FromBase64String(JsonNode.Parse(line)!["record"]!.ToString()))));

    private static byte[]? Replaced(byte[] bytes, ReadOnlySpan<byte> word, ReadOnlySpan<byte> by)
    {
        var at = bytes.AsSpan().IndexOf(word);
        return at < 0 ? null : [.. bytes[..at], .. by, .. bytes[(at + word.Length)..]];
    }

    /// <summary>All of it right, but signed with a key of one's own.</summary>
    private static byte[] Footer(List<byte[]> before)
    {
        var own = new AuditKeys(new AuditOptions { CurrentKey = 1, Keys = { [1] = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)) } });
        var footer = new AuditFileFooter(Count("seal"), Count("entry"), SHA256.HashData(Joined(before)));
        return AuditFile.Write(footer with { Mac = own.Sign(MacOf.FileFooter, AuditFile.Write(footer)) });

        int Count(string kind) => before.Count(l => l.AsSpan().StartsWith(Bytes($"{{\"line\":\"{kind}\"")));
    }

    private static List<byte[]> Lines(byte[] file) => [.. Encoding.UTF8.GetString(file).TrimEnd('\n').Split('\n').Select(Bytes)];

    private static byte[] Joined(IEnumerable<byte[]> lines) => [.. lines.SelectMany(l => (IEnumerable<byte>)[.. l, (byte)'\n'])];

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
