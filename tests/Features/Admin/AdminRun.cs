using Backend.Features.Admin;
using Microsoft.Extensions.Configuration;

namespace Backend.Tests.Features.Admin;

/// <summary>A command of the operator, with what it says on its two ways out.</summary>
internal static class AdminRun
{
    public static async Task<(int Code, string Output, string Error)> RunAsync(string[] words, IReadOnlyDictionary<string, string?> settings)
    {
        var (output, error) = (new StringWriter { NewLine = "\n" }, new StringWriter { NewLine = "\n" });
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings).Build();
        return (await AdminCommands.RunAsync(words, output, error, configuration), output.ToString(), error.ToString());
    }
}
