// From ../openapi.yaml: the types of every path, body and answer, and the small table that the client sends by.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";
import { parse } from "yaml";

const BASE = "/api/v1";
const METHODS = ["get", "post", "put", "delete"];
/** What the client has besides operations, and what an input has besides parameters. */
const FUNCTIONS = ["signIn", "followWall", "followNotices", "readWallTiers"];
const MEMBERS = ["body", "revision", "idempotencyKey"];

/** What the client sends by: operationId, path, method, and `key` where it takes an Idempotency-Key or `anonymous` where it needs no session. */
function words(path, method, operation) {
  const id = operation.operationId;
  const parameters = operation.parameters ?? [];
  const key = parameters.some((parameter) => parameter.name === "Idempotency-Key");
  if (!path.startsWith(`${BASE}/`)) throw new Error(`${path} is not below ${BASE}`);
  if (!METHODS.includes(method)) throw new Error(`${id}: wx.request does not know ${method}`);
  if (FUNCTIONS.includes(id)) throw new Error(`${id} is a function of the client already`);
  for (const { name } of parameters) if (MEMBERS.includes(name)) throw new Error(`${id}: ${name} is taken for something else by the client`);
  const rule = key ? "key" : operation.security === undefined ? "anonymous" : "";
  return [id, path.slice(BASE.length), ...(method === "get" && rule === "" ? [] : [method.toUpperCase()]), ...(rule === "" ? [] : [rule])];
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
const lines = Object.entries(document.paths).flatMap(([path, operations]) => Object.entries(operations).map(([method, operation]) => words(path, method, operation)));
lines.sort(([, a], [, b]) => (a < b ? -1 : a > b ? 1 : 0));
const to = new URL("../src/generated/", import.meta.url);
await mkdir(to, { recursive: true });
await writeFile(new URL("openapi.ts", to), astToString(await openapiTS(document, { defaultNonNullable: false, silent: true })));
await writeFile(
  new URL("operations.ts", to),
  `/**\n * A line each: operationId, path, method where it is not GET, and \`key\` where it takes an Idempotency-Key or \`anonymous\` where it needs no\n`
    + ` * session. A path begins with the number of letters, in base 36, that it shares with the one before it.\n */\nexport const OPERATIONS = \`${shorten(lines).join("\n")}\`;\n`,
);
