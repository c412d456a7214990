using System.Security.Cryptography;
using Backend.Domain.Privacy;
using Backend.Platform.Outbox;
using Backend.Platform.Security;

namespace Backend.Platform.Files;

/// <summary>
/// Pictures of people: one file a photo in a folder of the deployment's choice (<c>Files:Folder</c>), sealed like a column and bound to the photo's id (PD02), so a
/// copied or exchanged file opens for nobody. Without a folder there are no pictures, and no links to any.
/// </summary>
internal sealed class PhotoStore(string? folder, Vault vault, ILogger<PhotoStore> log)
{
    private const string Field = "photos.file";

    /// <summary>The store in <c>Files:Folder</c>.</summary>
    public static PhotoStore Of(IConfiguration configuration, Vault vault, ILogger<PhotoStore> log) =>
        new(configuration["Files:Folder"] is { Length: > 0 } named ? named : null, vault, log);

    public bool IsOpen => folder is not null;

    /// <summary>The picture, or null when there is none that can be opened.</summary>
    public async Task<byte[]?> ReadAsync(Guid photo, CancellationToken cancellation)
    {
        if (folder is null) return null;
        try
        {
            return vault.Open(Field, photo, new Sealed(await File.ReadAllBytesAsync(FileOf(photo), cancellation)));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
        {
            // The row says that there is one: somebody must look.
            log.OperatorAlarm($"photo_unreadable.{exception.GetType().Name}", photo);
            return null;
        }
    }

    /// <summary>Never seen half written: the finished file takes its place in one step.</summary>
    public async Task WriteAsync(Guid photo, ReadOnlyMemory<byte> picture, CancellationToken cancellation)
    {
        if (folder is null) throw new InvalidOperationException("Files:Folder is missing.");
        var file = FileOf(photo);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        var unfinished = $"{file}.new";
        await File.WriteAllBytesAsync(unfinished, vault.Seal(Field, photo, picture.Span).Bytes, cancellation);
        File.Move(unfinished, file, overwrite: true);
    }

    /// <summary>Seals again what stands under another key than the present one; gives how many pictures that were, and what is left is none that can be opened.</summary>
    public async Task<(int Changed, int Remaining)> ChangeKeysAsync(CancellationToken cancellation)
    {
        var (changed, remaining) = (0, 0);
        if (folder is null || !Directory.Exists(folder)) return (changed, remaining);
        foreach (var file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            if (!Guid.TryParseExact(Path.GetFileName(file), "N", out var photo)) continue;
            try
            {
                var value = await File.ReadAllBytesAsync(file, cancellation);
                if (Vault.KeyOf(value) == vault.CurrentKey) continue;
                var unfinished = $"{file}.changed";
                await File.WriteAllBytesAsync(unfinished, vault.Seal(Field, photo, vault.Open(Field, photo, new Sealed(value))).Bytes, cancellation);
                // A picture never changes; one that was removed meanwhile is not brought back.
                if (File.Exists(file)) File.Move(unfinished, file, overwrite: true);
                else File.Delete(unfinished);
                changed++;
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
            {
                remaining++;
            }
        }

        return (changed, remaining);
    }

    /// <summary>Destroys the picture; one that is not there is no failure.</summary>
    public void Delete(Guid photo)
    {
        if (folder is not null && File.Exists(FileOf(photo))) File.Delete(FileOf(photo));
    }

    /// <summary>The last two digits choose one of 256 folders: the first ones of a version 7 id are its time.</summary>
    private string FileOf(Guid photo) => Path.Combine(folder!, photo.ToString("N")[^2..], photo.ToString("N"));
}
