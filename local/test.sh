#!/usr/bin/env bash
# `make test`: builds, makes sure of a browser, runs every test and prints the sum as its last line. It ends with 0 only when tests ran, none failed
# and none was skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
configuration=${CONFIGURATION:-Debug}
results=artifacts/tests
rm -rf "$results" artifacts/figures.txt
mkdir -p "$results"
status=0

echo "编译全部项目（首次会下载 NuGet 包）…"
dotnet msbuild Backend.sln -restore -nologo -verbosity:quiet -terminalLogger:off -property:Configuration="$configuration" -property:RestoreLockedMode=true

# Told, not judged: what the feeds learned since yesterday is no fault of this commit. `make advisories` judges.
bash local/advisories.sh || true

CHROMIUM=$(bash local/browser.sh "tests/bin/$configuration/net10.0")
export CHROMIUM

echo "检查契约包：类型、体积、旧手机…"
npm run --prefix miniprogram-contract --silent check 2>&1 | tee "$results/contract.log" || { echo "契约包的检查没有通过。"; status=1; }

echo "检查网页：类型、单元测试、旧浏览器…"
npm run --prefix web --silent check 2>&1 | tee "$results/web.log" || { echo "网页的检查没有通过。"; status=1; }

if [ "${PROOF_SIZE:-}" = full ]; then
  echo "用微信官方打包器打契约包…"
  npm run --prefix miniprogram-contract --silent prove 2>&1 | tee "$results/packer.log" || { echo "微信官方打包器没有通过。"; status=1; }
fi

echo "运行测试（自带 PostgreSQL，浏览器 $CHROMIUM）…"
dotnet test Backend.sln --no-build -c "$configuration" --blame --logger trx --results-directory "$results" || { echo "dotnet test 没有通过。"; status=1; }

# One line a file: <Counters total="3" executed="3" passed="3" failed="0" error="0" timeout="0" aborted="0" … />
dotnet_count() { { grep -ho '<Counters [^>]*>' "$results"/*.trx || true; } | { grep -o " $1=\"[0-9]*\"" || true; } | tr -dc '0-9\n' | awk '{ sum += $1 } END { print sum + 0 }'; }
# Node's runner ends with lines such as: ℹ pass 27
node_count() { awk -v word="$1" '$2 == word && $1 ~ /^(ℹ|#)$/ && $3 ~ /^[0-9]+$/ { sum += $3 } END { print sum + 0 }' "$results"/*.log; }

# What the long proofs measured, in full size the point of it all (tests/Support/Figures.cs).
if [ -f artifacts/figures.txt ]; then
  echo "证明的数字（${PROOF_SIZE:-small}）："
  sed 's/^/  /' artifacts/figures.txt
fi

# Which ones failed, and why, beside the sum: whoever is given the end of a log only shall know.
{ grep -hA 40 '<UnitTestResult [^>]*outcome="Failed"' "$results"/*.trx || true; } | awk '
  match($0, / testName="[^"]*"/) && /outcome="Failed"/ { print "失败：" substr($0, RSTART + 11, RLENGTH - 12); told = 0 }
  /<Message>/ && !told { told = 1; sub(/.*<Message>/, ""); print "  " substr($0, 1, 300) }'
{ grep -h '^ *✖ ' "$results"/*.log || true; } | sort -u

passed=$(( $(dotnet_count passed) + $(node_count pass) ))
failed=$(( $(dotnet_count failed) + $(dotnet_count error) + $(dotnet_count timeout) + $(dotnet_count aborted) + $(node_count fail) + $(node_count cancelled) ))
skipped=$(( $(dotnet_count total) + $(node_count tests) - passed - failed ))

[ "$(dotnet_count passed)" -gt 0 ] || { echo "没有运行任何 .NET 测试。"; status=1; }
[ "$skipped" -le 0 ] || { echo "$skipped 个测试被跳过，本仓库不允许跳过。"; status=1; }
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$status" = 0 ]
