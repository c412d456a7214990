#!/usr/bin/env bash
# The software bill of materials (CycloneDX) of what ships: the api's packages from its lock file. The pages are our own sources alone
# (web/package.json has no dependencies, a test says so). sbom.sh FOLDER
set -euo pipefail
target=$(realpath -m "${1:?用法：local/sbom.sh 目录}")
cd "$(dirname "$0")/.."
dotnet tool restore >/dev/null
# Without looking anything up outside: licences are read from the packages themselves.
dotnet tool run dotnet-CycloneDX -- api/Backend.csproj --output "$target" --filename backend.cdx.json --output-format Json --exclude-dev --disable-package-restore --set-name backend --set-type Application >"$target.log" 2>&1 \
  || { cat "$target.log" >&2; exit 1; }
rm -f "$target.log"
echo "软件物料清单：$target/backend.cdx.json"
