#!/usr/bin/env bash
# Known vulnerabilities of the packages in use, from the advisory feeds of NuGet and npm. Three words, and never the best one by silence (BR02):
#   无已知漏洞   the feed was asked and knows none but those accepted in docs/accepted-advisories.txt
#   有已知漏洞   it knows one that nobody accepted: ends with 1
#   未核对       the feed could not be asked; nothing is known
# NUGET_SOURCE and NPM_REGISTRY name other feeds.
set -euo pipefail
cd "$(dirname "$0")/.."
accepted() { grep -v '^#' docs/accepted-advisories.txt | awk 'NF { print $1 }'; }
status=0

# say WHAT FILE: judges a list of advisory addresses
judge() {
  local open
  open=$(sort -u "$2" | grep -vxF -f <(accepted; echo -) || true)
  if [ -n "$open" ]; then
    echo "安全公告（$1）：有已知漏洞"
    echo "$open" | sed 's/^/  /'
    status=1
  else
    echo "安全公告（$1）：无已知漏洞（已接受 $(sort -u "$2" | grep -c . || true) 条）"
  fi
}

found=$(mktemp)
trap 'rm -f "$found" "$found.json"' EXIT

source=${NUGET_SOURCE:-https://api.nuget.org/v3/index.json}
# A source without this resource makes dotnet say "no vulnerable packages", which would be a lie.
if ! curl -fsS -m 10 "$source" 2>/dev/null | grep -q '"VulnerabilityInfo/'; then
  echo "安全公告（NuGet）：未核对（$source 不可达，或不提供漏洞信息）"
elif ! dotnet list Backend.sln package --vulnerable --include-transitive --format json --source "$source" >"$found.json" 2>/dev/null; then
  echo "安全公告（NuGet）：未核对（查询失败）"
else
  { grep -o '"advisoryurl": *"[^"]*"' "$found.json" || true; } | sed 's/.*"\(http[^"]*\)"/\1/' >"$found"
  judge NuGet "$found"
fi

registry=${NPM_REGISTRY:-https://registry.npmjs.org/}
for folder in web local/postgres miniprogram-contract; do
  [ -f "$folder/package-lock.json" ] || continue
  (cd "$folder" && npm audit --registry "$registry" --fetch-retries=0 --fetch-timeout=10000 --json) >"$found.json" 2>/dev/null || true
  if ! grep -q '"auditReportVersion"' "$found.json"; then
    echo "安全公告（npm，$folder）：未核对（$registry 不可达，或不提供漏洞信息）"
  else
    { grep -o '"url": *"[^"]*"' "$found.json" || true; } | sed 's/.*"\(http[^"]*\)"/\1/' >"$found"
    judge "npm，$folder" "$found"
  fi
done
exit $status
