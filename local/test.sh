#!/usr/bin/env bash
# `make test`: builds, makes sure of a browser, runs every test and prints the sum as its last line. It ends with 0 only when tests ran, none failed
# and none was skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
configuration=${CONFIGURATION:-Debug}

echo "编译全部项目（首次会下载 NuGet 包）…"
dotnet msbuild Backend.sln -restore -nologo -verbosity:quiet -terminalLogger:off -property:Configuration="$configuration" -property:RestoreLockedMode=true

BROWSER_PATH=$(bash local/browser.sh "tests/bin/$configuration/net10.0")
export BROWSER_PATH

results=artifacts/tests
rm -rf "$results"
echo "运行测试（自带 PostgreSQL，浏览器 $BROWSER_PATH）…"
status=0
dotnet test Backend.sln --no-build -c "$configuration" --logger trx --results-directory "$results" || status=$?

# One line a file: <Counters total="3" executed="3" passed="3" failed="0" error="0" timeout="0" aborted="0" … />
count() { grep -ho "<Counters [^>]*>" "$results"/*.trx 2>/dev/null | grep -o " $1=\"[0-9]*\"" | tr -dc '0-9\n' | awk '{ sum += $1 } END { print sum + 0 }'; }
total=$(count total) passed=$(count passed)
failed=$(( $(count failed) + $(count error) + $(count timeout) + $(count aborted) ))
skipped=$(( total - passed - failed ))

[ "$status" = 0 ] || echo "dotnet test 以 $status 结束。"
[ "$total" -gt 0 ] || { echo "没有运行任何测试。"; status=1; }
[ "$skipped" -le 0 ] || { echo "$skipped 个测试被跳过，本仓库不允许跳过。"; status=1; }
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$status" = 0 ]
