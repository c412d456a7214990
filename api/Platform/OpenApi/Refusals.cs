using Backend.Platform.Errors;
using Microsoft.AspNetCore.Mvc;

namespace Backend.Platform.OpenApi;

/// <summary>The problems an operation may answer with, for the contract.</summary>
internal sealed class RefusalsMetadata(IReadOnlyList<Problem> problems)
{
    public IReadOnlyList<Problem> Problems => problems;
}

internal static class Refusals
{
    /// <summary>Names the problem codes of an operation; the document lists them by status.</summary>
    public static TBuilder Refuses<TBuilder>(this TBuilder builder, params Problem[] problems) where TBuilder : IEndpointConventionBuilder
    {
        builder.WithMetadata(new RefusalsMetadata(problems));
        foreach (var status in problems.Select(p => p.Status).Distinct())
            builder.WithMetadata(new ProducesResponseTypeMetadata(status, typeof(ProblemDetails), ["application/problem+json"]));
        return builder;
    }
}
