import assert from "node:assert/strict";
import { mock, test } from "node:test";
import type { WallChanges, WallTile } from "../src/contract";
import { ApiError } from "../src/errors";
import { wallFeed } from "../src/feed";
import { tileStore } from "../src/store";

const row = (id: string, fields: Partial<WallTile> = {}): WallTile => ({ id, node: "f1", door: id, tier: "green", state: null, dueDay: null, lastVisitDay: null, ...fields });
const none = (version: string): WallChanges => ({ version, changed: [], removed: [], more: false });

/** A feed under mocked time, over a service that answers what the test says. */
function followed(answers: (WallChanges | ApiError)[]) {
  const asked: string[] = [];
  const told: string[] = [];
  const tell = (what: string) => () => void told.push(what);
  let loads = 0;
  const store = tileStore((tile) => tile);
  const feed = wallFeed(
    {
      wall: async () => ({ version: `e.${10 + 10 * loads++}`, tiles: [row("a"), row("b")] }),
      changes: async (after) => {
        asked.push(after);
        const answer = answers.shift() ?? none(after);
        if (answer instanceof ApiError) throw answer;
        return answer;
      },
    },
    store,
    { changed: (tile, was) => void told.push(`${tile.id} ${was}>${tile.tier}`), reshaped: tell("reshaped"), painted: tell("painted"), settled: tell("settled"), failed: (error) => void told.push(error.code) },
  );
  return { feed, store, asked, told, loads: () => loads };
}

async function quiet(): Promise<void> {
  for (let i = 0; i < 30; i++) await Promise.resolve();
}

async function timed(run: () => Promise<void>): Promise<void> {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_700_000_000_000 });
  try {
    await run();
  } finally {
    mock.timers.reset();
  }
}

test("RL07 pages are asked for until there are no more, and questions during one are one more round", () =>
  timed(async () => {
    const { feed, store, asked } = followed([{ ...none("e.12"), more: true }, none("e.14")]);
    feed.settle();
    feed.settle();
    feed.settle();
    await quiet();
    assert.deepEqual(asked, ["e.10", "e.12", "e.14"]);
    assert.equal(store.version, "e.14");
    feed.stop();
  }));

test("RL07 a hint is painted at once and settled soon; with a connection the clock is slow, without one it is not", () =>
  timed(async () => {
    const { feed, store, asked } = followed([]);
    feed.hub("on");
    await quiet();
    const before = asked.length;
    feed.invoked("tilesChanged", [{ root: "r", version: "e.11", tiles: [{ id: "a", tier: "red", state: "provisional", version: "e.11" }] }]);
    assert.equal(store.get("a")!.tier, "red");
    mock.timers.tick(119);
    await quiet();
    assert.equal(asked.length, before);
    mock.timers.tick(1);
    await quiet();
    assert.equal(asked.length, before + 1);
    mock.timers.tick(59_999);
    await quiet();
    assert.equal(asked.length, before + 1);
    feed.hub("waiting");
    mock.timers.tick(10_000);
    await quiet();
    assert.equal(asked.length, before + 2);
    feed.stop();
  }));

test("RL07 a version older than the history loads the wall anew", () =>
  timed(async () => {
    const { feed, store, loads, told } = followed([none("e.10"), new ApiError(410, { code: "wall_history_gone", title: "变化记录已过期" })]);
    await feed.start();
    await quiet();
    feed.invoked("resync", [{ root: "r" }]);
    await quiet();
    assert.equal(loads(), 2);
    assert.equal(store.version, "e.20");
    assert.ok(!told.includes("wall_history_gone"));
    feed.stop();
  }));

test("a lost answer is told and asked for again", () =>
  timed(async () => {
    const { feed, asked, told } = followed([new ApiError(0), none("e.10")]);
    feed.settle();
    await quiet();
    assert.equal(told[told.length - 1], "unreachable");
    mock.timers.tick(10_000);
    await quiet();
    assert.equal(told[told.length - 1], "settled");
    feed.stop();
    mock.timers.tick(600_000);
    await quiet();
    assert.equal(asked.length, 2);
  }));

test("after the stop nothing is told, whatever is still on its way", () =>
  timed(async () => {
    const { feed, told } = followed([{ ...none("e.11"), changed: [{ ...row("a", { tier: "red" }), version: "e.11" }] }]);
    feed.settle();
    feed.stop();
    await quiet();
    assert.deepEqual(told, []);
  }));
