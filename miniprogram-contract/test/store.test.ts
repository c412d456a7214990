import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tier, TilesChanged, WallTile } from "../src/contract";
import { tileStore, type Changed, type Tile, type TileStore } from "../src/store";

const row = (id: string, fields: Partial<WallTile> = {}): WallTile => ({
  id, node: "f1", door: `1-1-${id}`, tier: "green", state: null, dueDay: "2026-12-01", lastVisitDay: "2026-09-01", ...fields,
});
const hint = (id: string, version: string, tier: Tier): TilesChanged => ({ root: "c", version, tiles: [{ id, version, tier, state: null }] });

function opened(version = "e1.10"): { store: TileStore; seen: string[]; changed: Changed; tile: (id: string) => Tile } {
  const store = tileStore((tile: Tile) => tile);
  const seen: string[] = [];
  const changed: Changed = (tile, was, _wasState, visited) => seen.push(`${tile.id}:${was}>${tile.tier}${visited ? " visited" : ""}`);
  store.replace({ version, tiles: [row("a"), row("b"), row("c")] }, changed);
  return { store, seen, changed, tile: (id) => store.get(id)! };
}

test("RL07 a hint paints at once, and the change feed brings the rest of the same version", () => {
  const { store, seen, changed, tile } = opened();
  store.hint(hint("a", "e1.11", "red"), changed);
  assert.equal(tile("a").tier, "red");
  assert.equal(tile("a").dueDay, "2026-12-01");
  assert.equal(store.settle({ version: "e1.11", changed: [{ ...row("a", { tier: "red", dueDay: "2026-11-20" }), version: "e1.11" }], removed: [], more: false }, changed), "painted");
  assert.equal(tile("a").dueDay, "2026-11-20");
  assert.equal(store.version, "e1.11");
  assert.deepEqual(seen, ["a:green>red", "a:red>red"]);
});

test("RL07 a late or repeated hint never takes a tile back", () => {
  const { store, seen, changed, tile } = opened();
  store.hint(hint("a", "e1.10", "orange"), changed);
  store.hint(hint("a", "e1.9", "orange"), changed);
  store.hint(hint("a", "e1.12", "red"), changed);
  store.hint(hint("a", "e1.12", "red"), changed);
  store.hint(hint("a", "e1.11", "yellow"), changed);
  assert.equal(tile("a").tier, "red");
  assert.deepEqual(seen, ["a:green>red"]);
});

test("RL07 rows older than what a hint brought are passed over, newer ones are taken", () => {
  const { store, changed, tile } = opened();
  store.hint(hint("a", "e1.12", "red"), changed);
  const rows = [
    { ...row("a", { tier: "yellow" }), version: "e1.11" },
    { ...row("a", { tier: "red", dueDay: "2026-11-20" }), version: "e1.12" },
    { ...row("b", { tier: "orange" }), version: "e1.13" },
  ];
  store.settle({ version: "e1.13", changed: rows, removed: [], more: false }, changed);
  assert.equal(tile("a").tier, "red");
  assert.equal(tile("a").dueDay, "2026-11-20");
  assert.equal(tile("b").tier, "orange");
});

test("a hint of another epoch is not believed, and an answer of another epoch reloads the wall", () => {
  const { store, changed, tile } = opened();
  store.hint(hint("a", "e2.99", "red"), changed);
  assert.equal(tile("a").tier, "green");
  assert.equal(store.settle({ version: "e2.99", changed: [], removed: [], more: false }, changed), "reload");
});

test("above a root versions cannot be compared, so only the change feed moves a tile", () => {
  const { store, changed, tile } = opened("e1.10-7-4");
  store.hint(hint("a", "e1.11", "red"), changed);
  assert.equal(tile("a").tier, "green");
  const outcome = store.settle({ version: "e1.11-7-4", changed: [{ ...row("a", { tier: "red" }), version: "e1.11" }], removed: [], more: false }, changed);
  assert.equal(outcome, "painted");
  assert.equal(tile("a").tier, "red");
});

test("tiles come, go and move; a household in both lists reloads the wall", () => {
  const { store, changed } = opened();
  const outcome = store.settle({ version: "e1.12", changed: [{ ...row("d"), version: "e1.11" }], removed: [{ id: "b", version: "e1.12" }], more: false }, changed);
  assert.equal(outcome, "reshaped");
  assert.deepEqual(store.tiles.map((tile) => tile.id), ["a", "c", "d"]);
  assert.equal(store.settle({ version: "e1.13", changed: [{ ...row("a", { node: "f2" }), version: "e1.13" }], removed: [], more: false }, changed), "reshaped");
  assert.equal(store.settle({ version: "e1.15", changed: [{ ...row("a"), version: "e1.15" }], removed: [{ id: "a", version: "e1.14" }], more: false }, changed), "reload");
});

test("a move between roots over two pages of one answer reloads the wall too", () => {
  const { store, changed } = opened("e1.10-10");
  const moved = { ...row("a", { node: "f9" }), version: "e1.11-10" };
  assert.equal(store.settle({ version: "e1.11-10", changed: [moved], removed: [], more: true }, changed), "reshaped");
  assert.equal(store.settle({ version: "e1.11-11", changed: [], removed: [{ id: "a", version: "e1.11-11" }], more: false }, changed), "reload");
});

test("A14 a visit is told as a visit", () => {
  const { store, seen, changed } = opened();
  store.settle({ version: "e1.11", changed: [{ ...row("a", { lastVisitDay: "2026-11-26", dueDay: "2027-02-26" }), version: "e1.11" }], removed: [], more: false }, changed);
  assert.deepEqual(seen, ["a:green>green visited"]);
});

test("a reload keeps the tiles it knows and tells what differs", () => {
  const { store, seen, changed, tile } = opened();
  const before = tile("a");
  store.replace({ version: "e2.1", tiles: [row("a", { tier: "red" }), row("b")] }, changed);
  assert.equal(tile("a"), before);
  assert.equal(store.tiles.length, 2);
  assert.equal(store.get("c"), undefined);
  assert.deepEqual(seen, ["a:green>red"]);
});
