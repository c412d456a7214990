using Backend.Platform.Errors;

namespace Backend.Platform;

/// <summary>A page of <c>web/</c>, as it was built. It holds no data; what it shows is fetched from guarded operations.</summary>
internal static class Pages
{
    public static IResult Answer(HttpContext http, IWebHostEnvironment environment, string file)
    {
        http.Response.Headers.CacheControl = "no-store";
        var page = environment.WebRootFileProvider.GetFileInfo(file);
        return page.Exists ? Results.File(page.PhysicalPath!, "text/html; charset=utf-8") : Problems.NotFound.Result();
    }
}
