import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { ApiError } from "../src/errors";
import type { Host, HostAnswer } from "../src/host";
import { transport } from "../src/transport";

/** A host whose requests wait until the test answers them. */
function slow() {
  const open: { url: string; answer(answer: HostAnswer): void; fail(): void }[] = [];
  let most = 0;
  let running = 0;
  const host = {
    request: ({ url }: { url: string }) =>
      new Promise<HostAnswer>((resolve, reject) => {
        most = Math.max(most, ++running);
        open.push({ url, answer: (answer) => (running--, resolve(answer)), fail: () => (running--, reject(new Error("fail"))) });
      }),
  } as unknown as Host;
  return { send: transport("https://x", host), open, most: () => most };
}

async function quiet(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

test("eight at once, the rest in turn, a renewal before them", async () => {
  const { send, open, most } = slow();
  const all = Array.from({ length: 12 }, (_, i) => send({ method: "GET", path: `/${i}` }));
  const renewal = send({ method: "POST", path: "/renewal", urgent: true });
  await quiet();
  assert.equal(open.length, 8);
  open[0]!.answer({ statusCode: 200, data: "first" });
  await quiet();
  assert.equal(open[8]!.url, "https://x/renewal");
  for (let i = 1; i < 13; i++) {
    open[i]!.answer({ statusCode: 200, data: i });
    await quiet();
  }
  assert.equal((await Promise.all([...all, renewal])).length, 13);
  assert.equal(most(), 8);
});

test("an answer that never comes counts as none after its time, and gives its place away", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_700_000_000_000 });
  try {
    const { send, open } = slow();
    const all = Array.from({ length: 9 }, (_, i) => send({ method: "GET", path: `/${i}`, limit: 1000 }).catch((error: ApiError) => error.code));
    await quiet();
    assert.equal(open.length, 8);
    mock.timers.tick(1000);
    await quiet();
    assert.equal(open.length, 9);
    open[8]!.answer({ statusCode: 204, data: "" });
    const results = await Promise.all(all);
    assert.deepEqual(results.slice(0, 8), Array.from({ length: 8 }, () => "unreachable"));
  } finally {
    mock.timers.reset();
  }
});

test("a refusal is an ApiError with what the problem document says, also where bytes were asked for, also where a proxy answers", async () => {
  const { send, open } = slow();
  const problem = { type: "about:blank", status: 404, code: "not_found", title: "没有找到", detail: "不在您的可见范围内", traceId: "t" };
  const cases: [unknown, string, string][] = [
    [problem, "not_found", "没有找到"],
    [new TextEncoder().encode(JSON.stringify(problem)).buffer, "not_found", "没有找到"],
    ["<html>", "unexpected", "服务没有正常应答（404）"],
  ];
  for (const [data, code, title] of cases) {
    const refused = send({ method: "GET", path: "/", accept: "application/x" });
    await quiet();
    open.pop()!.answer({ statusCode: 404, data });
    await assert.rejects(refused, (error) => error instanceof ApiError && error.status === 404 && error.code === code && error.title === title && error.message === title);
  }
  for (const statusCode of [502, 503, 504]) {
    const away = send({ method: "GET", path: "/" });
    await quiet();
    open.pop()!.answer({ statusCode, data: "<html>" });
    await assert.rejects(away, (error) => error instanceof ApiError && error.code === "unreachable");
  }
});
