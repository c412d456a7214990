// dist/ for bundlers and Node (ESM, CJS, types), miniprogram_dist/ for 构建 npm: one CommonJS file that a phone of 2018 can read.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { minify } from "terser";
import "./generate.mjs";

const here = fileURLToPath(new URL("..", import.meta.url));
const common = { absWorkingDir: here, bundle: true, charset: "utf8", target: "es2018", platform: "neutral", logLevel: "warning", legalComments: "none" };

for (const folder of ["dist", "miniprogram_dist"]) await rm(here + folder, { recursive: true, force: true });
for (const name of ["index", "browser"]) {
  await build({ ...common, entryPoints: [`src/${name}.ts`], outfile: `dist/${name}.mjs`, format: "esm" });
  await build({ ...common, entryPoints: [`src/${name}.ts`], outfile: `dist/${name}.cjs`, format: "cjs" });
}
// esbuild's own CommonJS carries half a kilobyte for the sake of bundlers; a phone needs an assignment.
const packed = await build({ ...common, entryPoints: ["src/index.ts"], write: false, format: "esm", minify: true });
const names = /export\{([^}]*)\};\s*$/;
const members = (list) => list.split(",").map((name) => name.split(" as ").reverse().join(":")).join(",");
const script = packed.outputFiles[0].text.replace(names, (_, list) => `module.exports={${members(list)}};`);
const { code } = await minify(`"use strict";${script}`, { ecma: 2018, toplevel: true, compress: { passes: 3, unsafe_arrows: true }, format: { comments: false } });
await mkdir(`${here}miniprogram_dist`);
await writeFile(`${here}miniprogram_dist/index.js`, `${code}\n`);

const types = spawnSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", ".", "--noEmit", "false", "--emitDeclarationOnly"], { cwd: here, stdio: "inherit" });
if (types.status !== 0) process.exit(1);
