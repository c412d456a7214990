// What is shipped, as it is shipped: size, syntax, names, and that there is one function for each operation of the contract.
import { parse } from "acorn";
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import ts from "typescript";
import { parse as yaml } from "yaml";
import { bareRealm, load } from "./support/realm.mjs";

const at = (path) => new URL(`../${path}`, import.meta.url);
const file = at("miniprogram_dist/index.js");
const code = await readFile(file, "utf8");

test("the packed client is at most 10 KB", (t) => {
  const size = Buffer.byteLength(code);
  t.diagnostic(`miniprogram_dist/index.js: ${size} bytes`);
  assert.ok(size <= 10 * 1024, `${size} bytes`);
});

test("it is one file of ECMAScript 2018, without dependencies", async () => {
  parse(code, { ecmaVersion: 2018, sourceType: "script" });
  assert.throws(() => parse("a?.b", { ecmaVersion: 2018 }), "the parser must know what is younger");
  assert.deepEqual(await readdir(at("miniprogram_dist")), ["index.js"]);
  assert.doesNotMatch(code, /\brequire\(|\bimport\(/);
  const manifest = JSON.parse(await readFile(at("package.json"), "utf8"));
  assert.equal(manifest.dependencies, undefined);
  assert.equal(manifest.miniprogram, "miniprogram_dist");
});

/** Names that a script uses and does not declare, as the compiler finds them with ECMAScript 2018 alone. */
function unknownNames(text) {
  const options = { allowJs: true, checkJs: true, noEmit: true, target: ts.ScriptTarget.ES2018, lib: ["lib.es2018.d.ts"], types: [], strict: false };
  const host = ts.createCompilerHost(options);
  const original = host.getSourceFile;
  host.getSourceFile = (name, target) => (name === "shipped.js" ? ts.createSourceFile(name, text, target, true) : original(name, target));
  host.fileExists = (name) => name === "shipped.js" || ts.sys.fileExists(name);
  const program = ts.createProgram(["shipped.js"], options, host);
  const texts = program.getSemanticDiagnostics(program.getSourceFile("shipped.js")).map((found) => ts.flattenDiagnosticMessageText(found.messageText, " "));
  return [...new Set(texts.flatMap((found) => /^Cannot find name '([^']+)'/.exec(found)?.[1] ?? []))].sort();
}

test("it calls nothing of the host but timers", () => {
  assert.deepEqual(unknownNames("new URL(x); fetch(y)"), ["URL", "fetch", "x", "y"]);
  const allowed = ["clearInterval", "clearTimeout", "module", "setInterval", "setTimeout"];
  assert.deepEqual(unknownNames(code).filter((name) => !allowed.includes(name)), []);
  assert.doesNotMatch(code, /\beval\b|\bFunction\(|\bProxy\b|\bglobalThis\b/);
});

test("it loads in a bare realm, and the client has one function for each operation of openapi.yaml that a phone calls", async () => {
  const { realm } = bareRealm(assert.fail);
  const { createClient } = load(realm, code, "index.js");
  const host = { read: () => "", write: () => undefined, onWake: () => undefined };
  const client = createClient({ base: "https://api.example.cn", host });
  const document = yaml(await readFile(at("../openapi.yaml"), "utf8"));
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path))
    .filter(({ operationId, "x-console": console }) => !console && !["readDisplay", "readHall"].includes(operationId)).map(({ operationId }) => operationId);
  assert.ok(operations.length >= 30);
  assert.deepEqual(Object.keys(client).filter((name) => !["signIn", "followWall", "followNotices", "readWallTiers"].includes(name)).sort(), operations.sort());
});
