using Backend.Platform.Files;
using Backend.Platform.Security;
using Microsoft.Extensions.Logging.Abstractions;

namespace Local.Demo;

/// <summary>Draws the photos of the demo district and puts them, sealed, where the api reads them. Which photos there are does not depend on the day of loading.</summary>
internal static class DemoPhotos
{
    /// <summary>Writes all of them when the folder is not there yet. A load that was cut off is begun anew.</summary>
    public static async Task<bool> WriteOnceAsync(string folder, VaultOptions vault, CancellationToken cancellation)
    {
        if (Directory.Exists(folder)) return false;
        var unfinished = folder + ".new";
        if (Directory.Exists(unfinished)) Directory.Delete(unfinished, recursive: true);
        Directory.CreateDirectory(unfinished, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using var sealer = new Vault(vault);
        var store = new PhotoStore(unfinished, sealer, NullLogger<PhotoStore>.Instance);
        await Parallel.ForEachAsync(All(), cancellation, async (photo, stop) =>
            await store.WriteAsync(photo.Id, DemoPortrait.Of(photo.Male, photo.Old, photo.Id), stop));
        Directory.Move(unfinished, folder);
        return true;
    }

    private static IEnumerable<(Guid Id, bool Male, bool Old)> All()
    {
        var blueprint = DemoBlueprint.Instance;
        var people = blueprint.Households.SelectMany(h => h.People).ToDictionary(p => p.Id);
        foreach (var photo in blueprint.Households.SelectMany(h => h.Photos)) yield return Of(photo.Id, people[photo.ResidentId]);
        foreach (var (account, id) in blueprint.Leaders.Accounts.Where(a => blueprint.AccountPhotoIds.ContainsKey(a.Id)).Select(a => (a, blueprint.AccountPhotoIds[a.Id])))
            yield return account.ResidentId is { } resident ? Of(id, people[resident]) : (id, id.ToString()[^1] % 2 == 0, false);

        static (Guid, bool, bool) Of(Guid id, PlannedPerson person) => (id, person.Male, person.Age >= 60);
    }
}
