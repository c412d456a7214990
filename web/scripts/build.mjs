// Builds the pages into static files that the api serves: /wall is wwwroot/wall/index.html, /hall is hall.html, /me is me.html, their parts lie beside them.
import { build } from "esbuild";
import { copyFile, mkdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const from = fileURLToPath(new URL("../wall/", import.meta.url));
const hall = fileURLToPath(new URL("../hall/", import.meta.url));
const me = fileURLToPath(new URL("../me/", import.meta.url));
const to = fileURLToPath(new URL("../../api/wwwroot/wall/", import.meta.url));

await rm(to, { recursive: true, force: true });
await mkdir(to, { recursive: true });
await build({
  entryPoints: [[from, "wall"], [hall, "hall"], [me, "me"]].flatMap(([folder, out]) => [{ in: `${folder}main.ts`, out }, { in: `${folder}${out}.css`, out }]),
  outdir: to,
  bundle: true,
  format: "iife",
  minify: true,
  target: "chrome86",
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
});
for (const file of ["index.html", "icon.svg"]) await copyFile(from + file, to + file);
await copyFile(`${hall}index.html`, `${to}hall.html`);
await copyFile(`${me}index.html`, `${to}me.html`);
