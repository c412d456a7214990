using System.CommandLine;

namespace Backend.Features.Admin;

/// <summary>The commands of the operator: <c>dotnet Backend.dll admin …</c>.</summary>
internal static class AdminCommands
{
    /// <param name="args">What follows the word <c>admin</c>.</param>
    /// <param name="output">Where to write instead of the console, for tests.</param>
    /// <param name="error">Where to write refusals instead of the console, for tests.</param>
    /// <param name="configuration">Instead of the service's own, for tests.</param>
    /// <returns>The exit code of the process.</returns>
    public static Task<int> RunAsync(string[] args, TextWriter? output = null, TextWriter? error = null, IConfiguration? configuration = null, CancellationToken cancellation = default)
    {
        var root = new RootCommand("智慧社区精准服务后端：运维命令")
        {
            EvaluateFile.Command(TimeProvider.System), MigrateDatabase.Command(configuration), CreateUser.Command(configuration), InviteUser.Command(configuration),
            CheckConfig.Command(configuration), VerifyAudit.Command(configuration), RotateKeys.Command(configuration),
            ErasePerson.Command(configuration, TimeProvider.System), ReportMinors.Command(configuration), ReportRetention.Command(configuration, TimeProvider.System),
        };
        var invocation = new InvocationConfiguration();
        if (output is not null) invocation.Output = output;
        if (error is not null) invocation.Error = error;
        return root.Parse(args).InvokeAsync(invocation, cancellation);
    }
}
