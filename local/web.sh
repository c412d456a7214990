#!/usr/bin/env bash
# Builds the contract package and the web pages when a source changed since the last build: the pages use the package's hub client and types.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v npm >/dev/null || { echo "找不到 npm：请先安装 Node.js 20 或更新版本。" >&2; exit 1; }

# build FOLDER NAME SOURCES…: installs what the lock file says, then `npm run build`.
build() {
  local folder=$1 name=$2 stamp=$1/node_modules/.built
  shift 2
  if [ ! -f "$folder/node_modules/.package-lock.json" ] || [ "$folder/package-lock.json" -nt "$folder/node_modules/.package-lock.json" ]; then
    echo "安装${name}的构建工具（npm ci）…"
    # In the folder, not with --prefix: that would also move npm's global configuration there, and with it a machine's certificates.
    (cd "$folder" && npm ci --loglevel=error)
    touch "$folder/node_modules/.package-lock.json"
  fi
  if [ ! -f "$stamp" ] || [ -n "$(find "$@" \( -name node_modules -o -name dist -o -name miniprogram_dist -o -name generated \) -prune -o -type f -newer "$stamp" -print -quit)" ]; then
    echo "构建${name}（npm run build）…"
    npm run --prefix "$folder" --silent build
    touch "$stamp"
  fi
}

build miniprogram-contract 契约包 miniprogram-contract openapi.yaml
build web 大屏页面 web miniprogram-contract/src
