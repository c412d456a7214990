import assert from "node:assert/strict";
import { test } from "node:test";
import { arrange, neighbour, readingOrder, tileAt, type Layout } from "../wall/layout";
import { Places, type Building } from "../wall/places";
import type { Tile } from "../wall/store";

const tile = (id: string, node = "", door = id): Tile => ({
  id, node, door, tier: "green", state: null, dueDay: null, lastVisitDay: null, n: 0, x: 0, y: 0, block: 0, flashAt: 0,
});

function community(buildings: number, floors: number, doors: number, group = ""): Building[] {
  return Array.from({ length: buildings }, (_, b) => ({
    id: `b${b}`, name: `${b + 1}栋`, group,
    floors: Array.from({ length: floors }, (_, f) => Array.from({ length: doors }, (_, d) => tile(`${b + 1}-${f + 1}-${d + 1}`))),
  }));
}

function overlaps(layout: Layout): boolean {
  const taken = new Set<string>();
  for (const one of readingOrder(layout)) {
    for (let x = one.x; x < one.x + layout.cellWidth; x++) {
      const key = `${x},${one.y}`;
      if (taken.has(key)) return true;
      taken.add(key);
    }
  }
  return false;
}

for (const [width, height] of [[1920, 920], [3840, 920], [1366, 610], [3840, 1900], [1000, 1700], [2560, 600]] as const) {
  test(`A11 every household has its own tile inside ${width}×${height}`, () => {
    const layout = arrange(community(12, 18, 13, "第一片区"), width, height, 1);
    const tiles = readingOrder(layout);
    assert.equal(tiles.length, 12 * 18 * 13);
    assert.equal(layout.height, height);
    assert.ok(!overlaps(layout));
    for (const one of tiles) {
      assert.ok(one.x >= 0 && one.y >= 0 && one.x + layout.cellWidth <= width && one.y + layout.cellHeight <= height);
      assert.equal(tileAt(layout, one.x + layout.cellWidth / 2, one.y + layout.cellHeight / 2), one);
    }
    for (const block of layout.blocks) assert.equal(block.rows.length, 18, "a row is a floor");
  });
}

test("what is too small to see scrolls instead of vanishing", () => {
  const layout = arrange(community(30, 20, 13), 390, 600, 1);
  assert.ok(layout.height > 600);
  assert.ok(layout.cellWidth >= 9);
  assert.equal(readingOrder(layout).length, 30 * 20 * 13);
});

test("a floor longer than the wall is folded, an empty wall has no blocks", () => {
  const layout = arrange(community(1, 2, 300), 800, 600, 1);
  assert.equal(readingOrder(layout).length, 600);
  assert.ok(readingOrder(layout).every((one) => one.x + layout.cellWidth <= 800));
  assert.equal(arrange([], 800, 600, 1).blocks.length, 0);
});

test("arrows move as the eye sees it, also from building to building", () => {
  const layout = arrange(community(2, 3, 3), 1200, 500, 1);
  const at = (block: number, row: number, column: number): Tile => layout.blocks[block]!.rows[row]![column]!;
  assert.equal(neighbour(layout, at(0, 1, 1), "right"), at(0, 1, 2));
  assert.equal(neighbour(layout, at(0, 1, 1), "left"), at(0, 1, 0));
  assert.equal(neighbour(layout, at(0, 1, 1), "up"), at(0, 0, 1));
  assert.equal(neighbour(layout, at(0, 1, 1), "down"), at(0, 2, 1));
  assert.equal(neighbour(layout, at(0, 1, 2), "right"), at(1, 1, 0));
  assert.equal(neighbour(layout, at(0, 1, 0), "left"), undefined);
});

test("buildings follow the grid by number, floors stand as the house stands, doors are in order", () => {
  const places = new Places([
    { id: "c", name: "铜源社区", level: "community", path: "dc.td.ty", position: 0, revision: 1 },
    { id: "a1", name: "一片区", level: "area", path: "dc.td.ty.a1", position: 0, revision: 1 },
    { id: "a2", name: "二片区", level: "area", path: "dc.td.ty.a2", position: 0, revision: 1 },
    { id: "b2", name: "2栋", level: "building", path: "dc.td.ty.a1.b2", position: 0, revision: 1 },
    { id: "b10", name: "10栋", level: "building", path: "dc.td.ty.a1.b10", position: 0, revision: 1 },
    { id: "b11", name: "11栋", level: "building", path: "dc.td.ty.a2.b11", position: 0, revision: 1 },
    { id: "b2f2", name: "2层", level: "floor", path: "dc.td.ty.a1.b2.f2", position: 0, revision: 1 },
    { id: "b2f10", name: "10层", level: "floor", path: "dc.td.ty.a1.b2.f10", position: 0, revision: 1 },
    { id: "b10f1", name: "1层", level: "floor", path: "dc.td.ty.a1.b10.f1", position: 0, revision: 1 },
    { id: "b11f1", name: "1层", level: "floor", path: "dc.td.ty.a2.b11.f1", position: 0, revision: 1 },
  ]);
  const tiles = [tile("1", "b11f1"), tile("2", "b10f1"), tile("3", "b2f2", "2-1-210"), tile("4", "b2f2", "2-1-29"), tile("5", "b2f10")];
  const buildings = places.buildings(tiles, "c");
  assert.deepEqual(buildings.map((building) => [building.name, building.group]), [["2栋", "一片区"], ["10栋", "一片区"], ["11栋", "二片区"]]);
  assert.deepEqual(buildings[0]!.floors.map((floor) => floor.map((one) => one?.id)), [["5"], ["4", "3"]]);
});

test("positions of the grid come before the letters of its codes", () => {
  const places = new Places([
    { id: "td", name: "铜都街道", level: "street", path: "dc.td", position: 1, revision: 1 },
    { id: "bg", name: "碧谷街道", level: "street", path: "dc.bg", position: 2, revision: 1 },
    { id: "b22", name: "22栋", level: "building", path: "dc.bg.b22", position: 22, revision: 1 },
    { id: "b1", name: "1栋", level: "building", path: "dc.td.b1", position: 1, revision: 1 },
  ]);
  assert.deepEqual(places.buildings([tile("1", "b22"), tile("2", "b1")], "dc").map((building) => building.name), ["1栋", "22栋"]);
});

test("flats stand over each other by staircase and room, and an empty flat leaves its place dark", () => {
  const places = new Places([
    { id: "b", name: "1栋", level: "building", path: "b1", position: 0, revision: 1 },
    { id: "f1", name: "1层", level: "floor", path: "b1.f1", position: 0, revision: 1 },
    { id: "f2", name: "2层", level: "floor", path: "b1.f2", position: 0, revision: 1 },
  ]);
  const doors = (floor: string, ...names: string[]): Tile[] => names.map((name) => tile(name, floor, name));
  const [building] = places.buildings([...doors("f1", "1-1-101", "1-1-102", "1-2-101"), ...doors("f2", "1-1-202", "1-2-201")], "c");
  assert.deepEqual(building!.floors.map((floor) => floor.map((one) => one?.id ?? "-")), [["-", "1-1-202", "1-2-201"], ["1-1-101", "1-1-102", "1-2-101"]]);
  const layout = arrange([building!], 600, 300, 1);
  assert.equal(readingOrder(layout).length, 5);
  assert.equal(layout.blocks[0]!.rows[0]![1]!.x, layout.blocks[0]!.rows[1]![1]!.x);
  assert.equal(tileAt(layout, layout.blocks[0]!.x + 1, layout.blocks[0]!.y + 1), undefined);
});

test("tiles whose nodes are not known yet still stand on the wall", () => {
  const buildings = new Places([]).buildings([tile("1", "x"), tile("2", "x")], "c");
  assert.equal(buildings.length, 1);
  assert.equal(buildings[0]!.floors.flat().length, 2);
});
