// From ../openapi.yaml: the types of every path, body and answer, and the small table that the client sends by.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";
import { parse } from "yaml";

const BASE = "/api/v1";
const LETTERS = { get: "g", post: "o", put: "u", delete: "d" };
/** What the client has besides operations, and what an input has besides parameters. */
const FUNCTIONS = ["signIn", "followWall", "followNotices", "readWallTiers"];
const MEMBERS = ["body", "revision", "idempotencyKey"];

/** What the client sends by: operationId, path, and where it is no plain GET a letter for its method, capital with an Idempotency-Key, and `!` where it needs no session. */
function words(path, method, operation) {
  const id = operation.operationId;
  const parameters = operation.parameters ?? [];
  const key = parameters.some((parameter) => parameter.name === "Idempotency-Key");
  if (!path.startsWith(`${BASE}/`)) throw new Error(`${path} is not below ${BASE}`);
  if (LETTERS[method] === undefined) throw new Error(`${id}: wx.request does not know ${method}`);
  if (FUNCTIONS.includes(id)) throw new Error(`${id} is a function of the client already`);
  for (const { name } of parameters) if (MEMBERS.includes(name)) throw new Error(`${id}: ${name} is taken for something else by the client`);
  const letter = key ? LETTERS[method].toUpperCase() : LETTERS[method];
  const how = letter + (operation.security === undefined ? "!" : "");
  return [id, path.slice(BASE.length), ...(how === "g" ? [] : [how])];
}

/** Each path begins as the one before it: how many letters they share, in base 36, and the rest. Half of all paths is said already. */
function shorten(lines) {
  let before = "";
  return lines.map(([id, path, ...more]) => {
    let shared = 0;
    while (shared < 35 && shared < path.length && path[shared] === before[shared]) shared++;
    before = path;
    return [id, shared.toString(36) + path.slice(shared), ...more].join(" ");
  });
}

const document = parse(await readFile(new URL("../../openapi.yaml", import.meta.url), "utf8"));
// What no phone calls stays out: the console's operations, and what answers to a screen's cookie alone.
for (const operations of Object.values(document.paths))
  for (const [method, { security, "x-console": console }] of Object.entries(operations))
    if (console || (security !== undefined && !security.some((scheme) => scheme.bearer))) delete operations[method];
const lines = Object.entries(document.paths).flatMap(([path, operations]) => Object.entries(operations).map(([method, operation]) => words(path, method, operation)));
lines.sort(([, a], [, b]) => (a < b ? -1 : a > b ? 1 : 0));
const to = new URL("../src/generated/", import.meta.url);
await mkdir(to, { recursive: true });
await writeFile(new URL("openapi.ts", to), astToString(await openapiTS(document, { defaultNonNullable: false, silent: true })));
await writeFile(
  new URL("operations.ts", to),
  `/**\n * A line each: operationId, path, and where it is no plain GET a letter of the method: post o, put u, delete d; capital: takes an Idempotency-Key;\n`
    + ` * with \`!\`: needs no session. A path begins with the number of letters, in base 36, that it shares with the one before it.\n */\nexport const OPERATIONS = \`${shorten(lines).join("\n")}\`;\n`,
);
