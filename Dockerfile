# The service as an image: no shell, no package manager, no root, nothing secret, nothing written. What it relies on is tested without a container
# engine (tests/Build/ImageTests.cs); which settings it takes stands in docs/operations.md.
# To build exactly this again, pin the three images by digest.
FROM node:20-bookworm-slim AS web
WORKDIR /src
COPY . .
RUN bash local/web.sh

FROM mcr.microsoft.com/dotnet/sdk:10.0-noble AS build
WORKDIR /src
COPY . .
COPY --from=web /src/api/wwwroot api/wwwroot
RUN dotnet publish api --configuration Release --output /app -property:RestoreLockedMode=true -property:UseSharedCompilation=false \
 && bash local/sbom.sh /app/sbom

# "extra" carries ICU and tzdata; without them the service refuses to start.
FROM mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled-extra
WORKDIR /app
COPY --from=build /app .
ENV ASPNETCORE_HTTP_PORTS=8080 \
    DOTNET_EnableDiagnostics=0
USER $APP_UID
EXPOSE 8080
ENTRYPOINT ["dotnet", "Backend.dll"]
