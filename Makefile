# 两条命令就够：make run 启动一切，make test 检查一切。缺什么装什么，装之前用一行字说明。
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := run

# An empty environment (`env -i PATH=$PATH make run`) has no HOME, and dotnet, NuGet and npm each want one: the user's own, or one inside the clone.
ifeq ($(origin HOME),undefined)
  HOME := $(shell home=$$(getent passwd "$$(id -u)" | cut -d: -f6); [ -n "$$home" ] && [ -w "$$home" ] && echo "$$home" || echo "$(CURDIR)/.local/home")
  $(shell mkdir -p "$(HOME)")
endif
export HOME
export DOTNET_CLI_HOME ?= $(HOME)
export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1
export DOTNET_CLI_WORKLOAD_UPDATE_NOTIFY_DISABLE := 1
export DOTNET_GENERATE_ASPNET_CERTIFICATE := false
# Nothing of a build stays in the background: the two commands leave no process behind.
export MSBUILDDISABLENODEREUSE := 1
export DOTNET_CLI_USE_MSBUILD_SERVER := 0
export UseSharedCompilation := false
export npm_config_audit := false
export npm_config_fund := false
export npm_config_update_notifier := false

CONFIGURATION := Debug
LAUNCHER := local/bin/$(CONFIGURATION)/net10.0/Local.dll
# `dotnet build` would print a summary each time; this is the same build without it.
BUILD := dotnet msbuild -restore -nologo -verbosity:quiet -terminalLogger:off -property:Configuration=$(CONFIGURATION)

.PHONY: run test reset check contract migration prove bench sbom advisories web

## 启动 PostgreSQL、演示片区、微信沙箱与 api；再次启动保留数据。PORT=6080 换端口，AS_OF=2026-11-20 指定演示日期
run:
	@bash local/build.sh $(CONFIGURATION)
	@exec dotnet $(LAUNCHER) $(if $(AS_OF),--as-of $(AS_OF))

## 运行全部测试；最后一行是 N passed, N failed
test: web
	@bash local/test.sh

## 与 make test 相同，但长时间的证明取完整规模
prove: web
	@PROOF_SIZE=full bash local/test.sh

## 性能基准：与本机同一次运行中测得的上限相比，结果写入 docs/performance.md。QUICK=1 短轮次，ROWS=P5,P13 只测其中几项
bench:
	@bash bench/run.sh

## 停止正在运行的服务，清除 .local 下的数据库、密钥与日志
reset:
	@bash local/build.sh $(CONFIGURATION)
	@exec dotnet $(LAUNCHER) reset

## 编译（警告即错误）并检查代码格式
check:
	@$(BUILD) Backend.sln
	@dotnet format Backend.sln --no-restore --verify-no-changes

## 由代码重新生成 openapi.yaml
contract:
	@$(BUILD) tests
	@WRITE_CONTRACT=1 dotnet test tests --no-build -c $(CONFIGURATION) --filter FullyQualifiedName~Backend.Tests.Contract

## 写出软件物料清单 artifacts/sbom/backend.cdx.json
sbom:
	@$(BUILD) api
	@bash local/sbom.sh artifacts/sbom

## 核对依赖的已知漏洞；查不到时说“未核对”
advisories:
	@bash local/advisories.sh

## 新增一个数据库迁移：make migration NAME=AddVisits
migration:
	@[ -n "$(NAME)" ] || { echo "用法：make migration NAME=AddVisits" >&2; exit 2; }
	@dotnet tool restore >/dev/null
	@dotnet ef migrations add "$(NAME)" --project api --output-dir Platform/Persistence/Migrations

# 契约包，以及大屏与后台页面（编译到 api/wwwroot）。
web:
	@bash local/web.sh
