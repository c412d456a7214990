#!/usr/bin/env bash
# Builds the web pages into static files when a source changed since the last build.
set -euo pipefail
cd "$(dirname "$0")/../web" 2>/dev/null || exit 0
[ -f package.json ] || exit 0
command -v npm >/dev/null || { echo "找不到 npm：请先安装 Node.js 20 或更新版本。" >&2; exit 1; }

if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo "安装网页的构建工具（npm ci）…"
  npm ci --loglevel=error
  touch node_modules/.package-lock.json
fi
stamp=node_modules/.built
if [ ! -f "$stamp" ] || [ -n "$(find . -path ./node_modules -prune -o -type f -newer "$stamp" -print -quit)" ]; then
  echo "构建大屏页面（npm run build）…"
  npm run --silent build
  touch "$stamp"
fi
