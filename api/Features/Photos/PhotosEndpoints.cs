namespace Backend.Features.Photos;

/// <summary>照片 of residents and leaders, by the links that a household's page carries.</summary>
internal static class PhotosEndpoints
{
    public static void MapPhotos(this RouteGroupBuilder api) => ReadPhoto.Map(api.MapGroup("/photos").WithTags("Photos"));
}
