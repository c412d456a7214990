using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Backend.Tests.Support;

/// <summary>
/// The smallest balancer that deserves the name: it asks each replica's <c>/health/ready</c> twenty times a second, gives requests in turn to those
/// that say yes, and repeats nothing. A request that fails, fails.
/// </summary>
internal sealed class Balancer : IAsyncDisposable
{
    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(50);

    private readonly IReadOnlyList<Uri> _replicas;
    private readonly HttpClient _out = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
    private readonly CancellationTokenSource _end = new();
    private readonly WebApplication _server;
    private Task _looking = Task.CompletedTask;
    private Uri[] _ready = [];
    private int _turn;

    private Balancer(IReadOnlyList<Uri> replicas)
    {
        _replicas = replicas;
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        _server = builder.Build();
        _server.Run(ForwardAsync);
    }

    public Uri Address => new(_server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    public IReadOnlyList<Uri> Ready => Volatile.Read(ref _ready);

    public static async Task<Balancer> StartAsync(params IReadOnlyList<Uri> replicas)
    {
        var balancer = new Balancer(replicas);
        await balancer._server.StartAsync();
        balancer._looking = balancer.LookAsync();
        return balancer;
    }

    public async Task UntilReadyAsync(Uri replica, bool ready = true)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (Ready.Contains(replica) != ready) await Task.Delay(10, patience.Token);
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _looking;
        await _server.DisposeAsync();
        _out.Dispose();
        _end.Dispose();
    }

    private async Task LookAsync()
    {
        while (!_end.IsCancellationRequested)
        {
            var answers = await Task.WhenAll(_replicas.Select(async replica =>
            {
                try
                {
                    using var limit = CancellationTokenSource.CreateLinkedTokenSource(_end.Token);
                    limit.CancelAfter(TimeSpan.FromSeconds(2));
                    using var answer = await _out.GetAsync(new Uri(replica, "/health/ready"), limit.Token);
                    return answer.IsSuccessStatusCode;
                }
                catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
                {
                    return false;
                }
            }));
            Volatile.Write(ref _ready, [.. _replicas.Where((_, i) => answers[i])]);
            await Task.WhenAny(Task.Delay(Every, _end.Token));
        }
    }

    private async Task ForwardAsync(HttpContext http)
    {
        var ready = Ready;
        if (ready.Count == 0)
        {
            http.Response.StatusCode = StatusCodes.Status502BadGateway;
            return;
        }

        var replica = ready[(int)((uint)Interlocked.Increment(ref _turn) % ready.Count)];
        using var request = new HttpRequestMessage(new HttpMethod(http.Request.Method), new Uri(replica, http.Request.Path + http.Request.QueryString));
        if (http.Request.ContentLength is > 0 || http.Request.Headers.TransferEncoding.Count > 0) request.Content = new StreamContent(http.Request.Body);
        foreach (var (name, values) in http.Request.Headers)
        {
            if (name is "Host" or "Connection" or "Transfer-Encoding") continue;
            if (!request.Headers.TryAddWithoutValidation(name, values.AsEnumerable())) request.Content?.Headers.TryAddWithoutValidation(name, values.AsEnumerable());
        }

        try
        {
            using var answer = await _out.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, http.RequestAborted);
            http.Response.StatusCode = (int)answer.StatusCode;
            foreach (var (name, values) in answer.Headers.Concat(answer.Content.Headers))
                if (name is not ("Transfer-Encoding" or "Connection")) http.Response.Headers[name] = values.ToArray();
            await answer.Content.CopyToAsync(http.Response.Body, http.RequestAborted);
        }
        catch (HttpRequestException)
        {
            http.Response.StatusCode = (int)HttpStatusCode.BadGateway;
        }
    }
}
