#!/usr/bin/env bash
# Prints the path of a Chromium for the browser tests, after making sure that one and a Chinese font are there: installed ones, else by apt as root,
# else Playwright's own installer (its browser lands in the caller's home). What it says goes to stderr. It never skips.
set -euo pipefail
playwright=${1:?folder of the built tests, with .playwright in it}
admin='sudo apt-get update && sudo apt-get install -y --no-install-recommends chromium fonts-noto-cjk'

find_chromium() {
  local name
  for name in chromium chromium-browser google-chrome google-chrome-stable microsoft-edge; do
    # Ubuntu's chromium-browser may be a stub that only asks for a snap.
    if command -v "$name" >/dev/null && command "$name" --version >/dev/null 2>&1; then command -v "$name"; return; fi
  done
  # Playwright's installer keeps one folder per build.
  { find "${PLAYWRIGHT_BROWSERS_PATH:-$HOME/.cache/ms-playwright}" -path '*/chromium-*/chrome-linux*/chrome' -type f 2>/dev/null || true; } | sort -V | tail -1
}

chinese_font() {
  if command -v fc-list >/dev/null; then [ -n "$(fc-list :lang=zh-cn file | head -1)" ]; return; fi
  find /usr/share/fonts /usr/local/share/fonts "$HOME/.fonts" "$HOME/.local/share/fonts" -type f 2>/dev/null \
    | grep -qiE 'cjk|wqy|wenquanyi|sourcehan|simsun|msyh|pingfang'
}

apt_install() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  echo "用 apt 安装：$*…" >&2
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends "$@" >&2
}

if [ -z "$(find_chromium)" ]; then
  apt_install chromium || {
    echo "用 Playwright 的安装器下载 Chromium…" >&2
    node "$playwright/.playwright/package/cli.js" install chromium >&2 || true
  }
fi
chinese_font || apt_install fonts-noto-cjk || apt_install fonts-wqy-zenhei || true

browser=$(find_chromium)
if [ -z "$browser" ] || ! chinese_font; then
  [ -n "$browser" ] || echo "浏览器测试需要 Chromium，本机没有，也无法自行安装。" >&2
  chinese_font || echo "浏览器测试需要中文字体，本机没有，也无法自行安装。" >&2
  echo "请让管理员执行这一条命令，然后重新运行 make test：" >&2
  echo "  $admin" >&2
  exit 1
fi
echo "$browser"
