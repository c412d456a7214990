// The program that README.md shows: taken out, so that tsc and a phone can try it.
import { build } from "esbuild";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL("..", import.meta.url));
const [, program] = /```ts\n(import [^]*?)```/.exec(await readFile(`${here}README.md`, "utf8"));
await mkdir(`${here}test/developer/generated`, { recursive: true });
await writeFile(`${here}test/developer/generated/readme.ts`, program);
await build({
  absWorkingDir: here, entryPoints: ["test/developer/generated/readme.ts"], outfile: "test/developer/generated/readme.js",
  bundle: true, external: ["miniprogram-contract"], format: "cjs", target: "es2018", platform: "neutral", logLevel: "warning",
});
