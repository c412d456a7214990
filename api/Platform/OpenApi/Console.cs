namespace Backend.Platform.OpenApi;

/// <summary>An operation of the back-office console: <c>x-console</c> in the contract, and not in the mini-program's package, whose bytes are few (docs/adr/015).</summary>
internal sealed class ConsoleMetadata;

internal static class ConsoleExtensions
{
    public static RouteHandlerBuilder ForConsole(this RouteHandlerBuilder operation) => operation.WithMetadata(new ConsoleMetadata());
}
