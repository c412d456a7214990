using System.Reflection;
using Backend.Platform.Security;

namespace Local;

/// <summary>Loads the demo district when this build has it.</summary>
internal static class DemoStep
{
    private static readonly MethodInfo? Load = Type.GetType("Local.Demo.DemoLoader, Local")?.GetMethod("LoadAsync", BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic);

    public static Task LoadAsync(string superuserConnectionString, VaultOptions vault, DateOnly asOf, CancellationToken cancellation) =>
        Load is null ? Task.CompletedTask : (Task)Load.Invoke(null, [superuserConnectionString, vault, asOf, cancellation])!;
}
