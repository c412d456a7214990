using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Backend.Platform.Security;
using Backend.Tests.Contract.Generated;
using Backend.Tests.Support;

namespace Backend.Tests.Contract;

/// <summary>
/// IN01, IN02: whatever is sent to any operation, no answer is a 5xx, and each is what the document declares for it. A failure shows the seed and the
/// request as it went out; PROOF_SEED repeats a run as far as parallel callers can be repeated.
/// </summary>
public sealed class GeneratedRequestsTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private const int Workers = 4, Shown = 20, More = 200;

    private readonly ConcurrentQueue<string> _faults = new();
    private ContractScene _scene = null!;
    private ContractDocument _contract = null!;

    public async Task InitializeAsync()
    {
        _scene = await ContractScene.StartAsync(fixture.Database);
        _contract = await ContractDocument.ReadAsync(_scene.Api);
    }

    public async Task DisposeAsync() => await _scene.DisposeAsync();

    [Fact]
    public async Task IN01_no_generated_request_gives_5xx_and_every_answer_is_one_that_the_document_declares()
    {
        var seed = Environment.GetEnvironmentVariable("PROOF_SEED") is { Length: > 0 } given ? int.Parse(given, CultureInfo.InvariantCulture) : RandomNumberGenerator.GetInt32(int.MaxValue);
        var known = await _scene.KnownAsync(strays: true);
        var (watch, tallies) = (Stopwatch.StartNew(), await Task.WhenAll(Enumerable.Range(0, Workers).Select(i => Task.Run(() => WorkAsync(unchecked(seed + i), known, ProofSize.GeneratedRequests / Workers)))));

        var (sent, reached) = (tallies.Sum(t => t.Sent), tallies.Sum(t => t.Reached));
        var succeeded = _contract.Operations.ToDictionary(o => o.Id, o => tallies.Sum(t => t.Succeeded.GetValueOrDefault(o.Id)));
        // Where the lot met no good request of an operation, it goes on with that one: whether one is answered 2xx shall not hang on luck.
        foreach (var operation in _contract.Operations.Where(o => succeeded[o.Id] == 0))
        {
            var more = await WorkAsync(seed, known, More, operation);
            tallies = [.. tallies, more];
            succeeded[operation.Id] = more.Succeeded.GetValueOrDefault(operation.Id);
        }

        var (rarest, times) = succeeded.MinBy(s => s.Value);
        Figures.Print($"IN01 generated requests: {sent} in {watch.Elapsed.TotalSeconds:0} s, {100 * reached / sent} % reached a handler, each of {succeeded.Count} operations answered 2xx at least {times} times ({rarest}), {_faults.Count} wrong answers; seed {seed}");
        Assert.True(_faults.IsEmpty, $"seed {seed}: {_faults.Count} wrong answers\n{string.Join("\n\n", _faults.DistinctBy(f => f.Split('\n')[0]).Take(Shown))}\n{string.Join('\n', _scene.Api.Errors.Take(5))}");
        Assert.True(times > 0, $"seed {seed}: {rarest} never answered 2xx, but {string.Join(", ", tallies.SelectMany(t => t.Refused.GetValueOrDefault(rarest, [])).CountBy(r => r).OrderByDescending(r => r.Value).Select(r => $"{r.Key} {r.Value} times"))}");
        Assert.True(2 * reached >= sent, $"seed {seed}: only {reached} of {sent} requests reached a handler");
    }

    [Fact]
    public async Task IN02_no_nasty_value_in_any_slot_of_any_operation_gives_5xx_and_none_that_must_be_refused_is_taken()
    {
        var known = await _scene.KnownAsync(strays: false);
        var generator = new RequestGenerator(_contract, known, new Random(2));
        var policy = PolicyTable.Load();
        using var client = _scene.Client();
        // One after the other, so that a value is refused for its own sake and not because somebody else has changed what it stands beside.
        var credentials = new Dictionary<Caller, (string, string)?>();
        foreach (var caller in ContractScene.Callers) credentials[caller] = await _scene.CredentialsAsync(caller);
        async Task<Answer?> SendAsync(Caller caller, GeneratedRequest request)
        {
            if (credentials[caller] is { } header) request = request.With(header);
            var answer = await AskAsync(client, caller, request);
            if (answer is not null) known.Learn(caller.Name, request, answer);
            return answer;
        }

        // What can be listed is known first, so that ids are real ones.
        foreach (var caller in ContractScene.Callers)
            foreach (var operation in _contract.Operations.Where(o => o.Method == "GET" && caller.May(policy.Find(o.Id)!)))
                await SendAsync(caller, generator.Valid(operation, caller.Name));

        var values = 0;
        foreach (var operation in _contract.Operations)
        {
            var caller = ContractScene.Callers.First(c => c.May(policy.Find(operation.Id)!));
            foreach (var slot in generator.SlotsOf(operation))
            {
                foreach (var value in generator.ValuesFor(slot))
                {
                    values++;
                    var request = generator.With(operation, caller.Name, slot, value);
                    var answer = await SendAsync(caller, request);
                    // An object that is not hers, or has changed meanwhile by the work that goes on behind, says nothing about the value: another one, or its new state, is asked.
                    for (var again = 0; again < 5 && answer?.Status is 404 or 412 && !IsForTheValue(slot, answer.Status); again++)
                        answer = await SendAsync(caller, request = generator.With(operation, caller.Name, slot, value));
                    if (answer is not null && value.Refused && !IsForTheValue(slot, answer.Status)) Fault($"{operation.Id} {slot} took {value}", caller, request, answer);
                }
            }
        }

        Figures.Print($"IN02 nasty values: {values} in {_contract.Operations.Sum(o => generator.SlotsOf(o).Count())} slots of {_contract.Operations.Count} operations, {_faults.Count} wrong answers");
        Assert.True(_faults.IsEmpty, $"{_faults.Count} wrong answers\n{string.Join("\n\n", _faults.DistinctBy(f => f.Split('\n')[0]).Take(Shown))}\n{string.Join('\n', _scene.Api.Errors.Take(5))}");
    }

    /// <summary>Stale, forbidden, in flight, not found: refused, but for something else than what stands in the body.</summary>
    private static bool IsForTheValue(Slot slot, int status) => slot.Parameter is null ? status is 400 or 401 or 422 : status is >= 400 and < 500;

    private sealed record Tally(int Sent, int Reached, Dictionary<string, int> Succeeded, Dictionary<string, List<string>> Refused);

    private async Task<Tally> WorkAsync(int seed, KnownValues known, int count, Operation? only = null)
    {
        var random = new Random(seed);
        var generator = new RequestGenerator(_contract, known, random);
        var policy = PolicyTable.Load();
        var credentials = new Dictionary<Caller, (string, string)?>();
        using var client = _scene.Client();
        var (reached, succeeded, refused) = (0, new Dictionary<string, int>(), new Dictionary<string, List<string>>());
        for (var i = 0; i < count; i++)
        {
            var operation = only ?? _contract.Operations[random.Next(_contract.Operations.Count)];
            // Three of four are by somebody who may.
            var callers = random.Next(4) > 0 ? ContractScene.Callers.Where(c => c.May(policy.Find(operation.Id)!)).ToList() : ContractScene.Callers;
            var caller = callers[random.Next(callers.Count)];
            if (!credentials.TryGetValue(caller, out var header)) credentials[caller] = header = await _scene.CredentialsAsync(caller);
            var request = generator.Next(operation, caller.Name, header);
            if (await AskAsync(client, caller, request) is not { } answer) continue;
            known.Learn(caller.Name, request, answer);
            // Somebody has ended her session, as many of these requests do.
            if (answer.Status == 401) credentials.Remove(caller);
            var met = _contract.Find(request.Method, request.Target);
            if (answer.IsFromHandler(met)) reached++;
            if (met is null) continue;
            if (answer.Succeeded) succeeded[met.Id] = succeeded.GetValueOrDefault(met.Id) + 1;
            else (refused.TryGetValue(met.Id, out var codes) ? codes : refused[met.Id] = []).Add($"{answer.Status} {answer.Code}");
        }

        return new Tally(count, reached, succeeded, refused);
    }

    private async Task<Answer?> AskAsync(HttpClient client, Caller caller, GeneratedRequest request)
    {
        try
        {
            var answer = await request.SendAsync(client);
            foreach (var complaint in answer.Complaints(_contract, request)) Fault(complaint, caller, request, answer);
            return answer;
        }
        catch (HttpRequestException exception)
        {
            Fault($"no answer: {exception.InnerException?.Message ?? exception.Message}", caller, request, null);
            return null;
        }
    }

    private void Fault(string complaint, Caller caller, GeneratedRequest request, Answer? answer) =>
        _faults.Enqueue($"{complaint}\n{caller.Name} sent {request}\nand got {answer?.Status} {answer?.MediaType} {(answer?.Text is { Length: > 1000 } text ? text[..1000] : answer?.Text)}");
}
