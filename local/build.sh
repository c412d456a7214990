#!/usr/bin/env bash
# Builds the api and the launcher when something changed since the last build: asking MSBuild would take seconds on each start.
set -euo pipefail
cd "$(dirname "$0")/.."
configuration=${1:-Debug}
stamp=local/bin/$configuration/net10.0/.built

# Folders count too, their time moves when a file is removed; but not the two roots, where the build's own folders appear.
newer() { find "$@" -newer "$stamp" -print -quit; }
if [ -f "$stamp" ] && [ -z "$(newer Directory.*.props global.json BannedSymbols.txt .editorconfig -maxdepth 0)" ] \
  && [ -z "$(newer api local -mindepth 1 \( -name bin -o -name obj -o -name node_modules -o -name wwwroot \) -prune -o)" ]; then
  exit 0
fi
echo "编译 api 与启动器（首次会下载 NuGet 包）…"
started=$(mktemp)
trap 'rm -f "$started"' EXIT
dotnet msbuild local -restore -nologo -verbosity:quiet -terminalLogger:off -property:Configuration="$configuration"
# What changed while it was being built is newer than the stamp.
touch -r "$started" "$stamp"
