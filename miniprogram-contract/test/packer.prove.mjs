// WeChat's own packer makes of the installed package what a phone loads: miniprogram-ci's packNpm (构建 npm), offline, with a key that opens nothing.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { bareRealm, load } from "./support/realm.mjs";

const here = fileURLToPath(new URL("..", import.meta.url));

/** A mini-program of one file that has the package installed, as `npm pack` would ship it. */
async function project(folder) {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048, privateKeyEncoding: { type: "pkcs1", format: "pem" }, publicKeyEncoding: { type: "pkcs1", format: "pem" } });
  const installed = join(folder, "node_modules/miniprogram-contract");
  await mkdir(installed, { recursive: true });
  for (const name of [...JSON.parse(await readFile(`${here}package.json`, "utf8")).files, "package.json"]) await cp(here + name, join(installed, name), { recursive: true });
  await writeFile(join(folder, "private.key"), privateKey);
  await writeFile(join(folder, "app.json"), '{ "pages": [] }');
  await writeFile(join(folder, "app.js"), 'require("miniprogram-contract");');
  await writeFile(join(folder, "package.json"), '{ "dependencies": { "miniprogram-contract": "*" } }');
  await writeFile(join(folder, "project.config.json"), '{ "appid": "wx0000000000000001", "compileType": "miniprogram", "setting": {} }');
}

test("WeChat's packer takes the package, and what it makes loads in a bare realm", async () => {
  const installing = spawnSync("npm", ["ci", "--loglevel=error"], { cwd: `${here}/packer`, encoding: "utf8" });
  assert.equal(installing.status, 0, installing.stderr);
  const ci = createRequire(`${here}packer/`)("miniprogram-ci");
  const folder = await mkdtemp(join(tmpdir(), "packed-"));
  try {
    await project(folder);
    const warnings = await ci.packNpm(new ci.Project({ appid: "wx0000000000000001", type: "miniProgram", projectPath: folder, privateKeyPath: join(folder, "private.key"), ignores: [] }), { reporter: () => undefined });
    assert.deepEqual(warnings, []);
    const packed = await readFile(join(folder, "miniprogram_npm/miniprogram-contract/index.js"), "utf8");
    const { realm } = bareRealm(assert.fail);
    assert.equal(typeof load(realm, packed, "index.js").createClient, "function");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
