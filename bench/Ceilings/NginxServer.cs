using Local;

namespace Bench.Ceilings;

/// <summary>nginx with one worker on the server's core that serves the very bytes of the product under the same path: the ceiling of P1, P2 and P3.</summary>
internal sealed class NginxServer : IAsyncDisposable
{
    private readonly ChildProcess _child;

    private NginxServer(ChildProcess child, Uri address) => (_child, Address) = (child, address);

    public Uri Address { get; }

    /// <param name="stage">Where nginx is, and where it may write.</param>
    /// <param name="bytes">What it serves.</param>
    /// <param name="type">Content type.</param>
    /// <param name="encoding">Content encoding, or null.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public static async Task<NginxServer> StartAsync(Stage stage, byte[] bytes, string type, string? encoding, CancellationToken cancellation)
    {
        var folder = Path.Combine(Stage.Folder, "nginx");
        Directory.CreateDirectory(folder);
        var file = Path.Combine(folder, "wall");
        await File.WriteAllBytesAsync(file, bytes, cancellation);
        var address = new Uri($"http://127.0.0.1:{Ports.Free()}");
        var configuration = Path.Combine(folder, "nginx.conf");
        await File.WriteAllTextAsync(configuration, $$"""
            daemon off;
            {{(Environment.IsPrivilegedProcess ? "user root;" : "")}}
            worker_processes 1;
            pid {{folder}}/nginx.pid;
            error_log {{folder}}/error.log warn;
            events { worker_connections 4096; }
            http {
                access_log off;
                client_body_temp_path {{folder}}; proxy_temp_path {{folder}}; fastcgi_temp_path {{folder}}; uwsgi_temp_path {{folder}}; scgi_temp_path {{folder}};
                keepalive_requests 100000000;
                sendfile on; tcp_nopush on;
                open_file_cache max=16;
                large_client_header_buffers 8 16k;
                server {
                    listen 127.0.0.1:{{address.Port}};
                    location / {
                        default_type "{{type}}"; types { }
                        {{(encoding is null ? "" : $"add_header Content-Encoding {encoding};")}}
                        root {{folder}};
                        try_files /wall =404;
                    }
                }
            }
            """, cancellation);
        var child = ChildProcess.Start(
            Cores.On(BenchOptions.ServerCore, [stage.Tools.Nginx, "-p", folder, "-e", Path.Combine(folder, "error.log"), "-c", configuration]),
            new ChildOptions { WorkingDirectory = folder, LogFile = Path.Combine(folder, "output.log"), WhenParentDies = UnixSignal.Quit });
        var server = new NginxServer(child, address);
        using var client = new HttpClient();
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                var served = await client.GetByteArrayAsync(address, cancellation);
                if (!served.AsSpan().SequenceEqual(bytes)) throw new Refusal("nginx 给出的字节与服务的不同。");
                return server;
            }
            catch (HttpRequestException) when (attempt < 100 && !child.HasExited)
            {
                await Task.Delay(50, cancellation);
            }
        }
    }

    /// <summary>The entity tag that nginx gave the file; asked for with it, it answers 304.</summary>
    public async Task<string> ETagAsync(CancellationToken cancellation)
    {
        using var client = new HttpClient();
        using var answer = await client.GetAsync(Address, cancellation);
        return answer.Headers.ETag?.ToString() ?? throw new Refusal("nginx 没有给出 ETag。");
    }

    public async ValueTask DisposeAsync()
    {
        await _child.StopAsync((UnixSignal.Quit, TimeSpan.FromSeconds(2)));
        _child.Dispose();
    }
}
