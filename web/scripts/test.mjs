// Bundles test/*.test.ts as the page itself is bundled and runs them with Node's own test runner.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const from = fileURLToPath(new URL("../test/", import.meta.url));
const tests = (await readdir(from)).filter((name) => name.endsWith(".test.ts"));
const to = await mkdtemp(join(tmpdir(), "wall-tests-"));
try {
  await build({ entryPoints: tests.map((name) => from + name), outdir: to, outExtension: { ".js": ".mjs" }, bundle: true, format: "esm", platform: "node", target: "node20", sourcemap: "inline", logLevel: "warning" });
  const files = tests.map((name) => join(to, name.replace(/\.ts$/, ".mjs")));
  process.exitCode = spawnSync(process.execPath, ["--test", "--test-reporter=spec", ...files], { stdio: "inherit" }).status ?? 1;
} finally {
  await rm(to, { recursive: true, force: true });
}
