#!/usr/bin/env bash
# `make bench`: builds the benchmark in Release, publishes the api as it ships, and runs. What it needs beyond that it installs or names itself.
set -euo pipefail
cd "$(dirname "$0")/.."
export LOCAL_FOLDER=${LOCAL_FOLDER:-$PWD/.local/bench}
mkdir -p "$LOCAL_FOLDER"
bash local/web.sh
echo "编译并发布（Release）…"
dotnet msbuild bench -restore -nologo -verbosity:quiet -terminalLogger:off -property:Configuration=Release
dotnet publish api --no-restore --nologo --verbosity quiet -c Release -o "$LOCAL_FOLDER/api"
CHROMIUM=$(bash local/browser.sh bench/bin/Release/net10.0)
export CHROMIUM
exec dotnet bench/bin/Release/net10.0/Bench.dll
