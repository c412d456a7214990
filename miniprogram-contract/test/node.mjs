// The package in Node, as a service or a kiosk would use it: dist/ and the browser's host. Driven by the same lines as phone.mjs.
// Usage: node node.mjs ADDRESS CODE…
import { createClient } from "miniprogram-contract";
import { browserHost } from "miniprogram-contract/browser";
import { createInterface } from "node:readline";
import WebSocket from "ws";

const [address, ...codes] = process.argv.slice(2);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const host = browserHost({ fetch, WebSocket }, async () => ({ code: codes.shift() }));
globalThis.client = createClient({ base: address.replace(/\/$/, ""), host });

process.on("unhandledRejection", (error) => say({ complaint: String(error?.stack ?? error) }));
for await (const text of createInterface({ input: process.stdin })) {
  const { id, run } = JSON.parse(text);
  const body = new (async () => undefined).constructor(run);
  body.call(globalThis).then(
    (value) => say({ id, value: value ?? null }),
    (error) => say({ id, error: String(error?.stack ?? error) }),
  );
}
process.exit(0);
