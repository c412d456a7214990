// Bundles test/*.test.ts and runs them, with the tests of what is shipped, by Node's own test runner. `prove`: WeChat's own packer instead.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const from = fileURLToPath(new URL("../test/", import.meta.url));
const run = (files) => spawnSync(process.execPath, ["--test", "--test-reporter=spec", ...files], { stdio: "inherit" }).status ?? 1;

if (process.argv[2] === "prove") process.exitCode = run([`${from}packer.prove.mjs`]);
else {
  const names = await readdir(from);
  const typed = names.filter((name) => name.endsWith(".test.ts"));
  const to = await mkdtemp(join(tmpdir(), "contract-tests-"));
  try {
    await build({ entryPoints: typed.map((name) => from + name), outdir: to, outExtension: { ".js": ".mjs" }, bundle: true, format: "esm", platform: "node", target: "node20", sourcemap: "inline", logLevel: "warning" });
    process.exitCode = run([...typed.map((name) => join(to, name.replace(/\.ts$/, ".mjs"))), ...names.filter((name) => name.endsWith(".test.mjs")).map((name) => from + name)]);
  } finally {
    await rm(to, { recursive: true, force: true });
  }
}
