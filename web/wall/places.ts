import type { GridNode } from "./contract";
import type { Tile } from "./store";

// From the flat list of grid nodes to what a wall shows: buildings, and floors within them.

export interface Building {
  id: string;
  name: string;
  /** What the building belongs to on this wall: its area, and above a community the community too. Empty when all belong to one. */
  group: string;
  /** Highest floor first, as the house stands. A place without a household (an empty flat) is undefined. */
  floors: (Tile | undefined)[][];
}

const order = new Intl.Collator("zh-CN", { numeric: true });

export class Places {
  private readonly byId = new Map<string, GridNode>();
  private readonly byPath = new Map<string, GridNode>();

  constructor(nodes: readonly GridNode[]) {
    for (const node of nodes) {
      this.byId.set(node.id, node);
      this.byPath.set(node.path, node);
    }
  }

  knows(id: string): boolean {
    return this.byId.has(id);
  }

  name(id: string): string {
    return this.byId.get(id)?.name ?? "";
  }

  /** The node itself and what lies above it, nearest first. */
  private *chain(id: string): Generator<GridNode> {
    let path = this.byId.get(id)?.path ?? "";
    while (path !== "") {
      const node = this.byPath.get(path);
      if (node !== undefined) yield node;
      path = path.slice(0, Math.max(0, path.lastIndexOf(".")));
    }
  }

  /** The nearest node of a level at or above `id`. */
  above(id: string, level: string): GridNode | undefined {
    for (const node of this.chain(id)) if (node.level === level) return node;
    return undefined;
  }

  /** Buildings in the order of the grid. A household that hangs on no building stands with its own node. */
  buildings(tiles: readonly Tile[], topId: string): Building[] {
    const top = this.byId.get(topId)?.path ?? "";
    const found = new Map<string, { node: GridNode; group: string; floors: Map<string, Tile[]> }>();
    for (const tile of tiles) {
      const node = this.above(tile.node, "building") ?? this.byId.get(tile.node) ?? { id: tile.node, name: "", level: "", path: "", position: 0, revision: 0 };
      let entry = found.get(node.id);
      if (entry === undefined) {
        entry = { node, group: this.group(node, top), floors: new Map() };
        found.set(node.id, entry);
      }
      const floor = this.byId.get(tile.node)?.path ?? "";
      const row = entry.floors.get(floor);
      if (row === undefined) entry.floors.set(floor, [tile]);
      else row.push(tile);
    }
    const entries = [...found.values()].sort((a, b) => this.compare(a.node.path, b.node.path));
    const grouped = new Set(entries.map((entry) => entry.group)).size > 1;
    return entries.map((entry) => ({
      id: entry.node.id,
      name: entry.node.name,
      group: grouped ? entry.group : "",
      floors: elevation([...entry.floors].sort((a, b) => this.compare(b[0], a[0])).map(([, row]) => row)),
    }));
  }

  /** By position, from the top down; by the numbers in the path where positions do not tell. */
  private compare(a: string, b: string): number {
    const left = a.split(".");
    const right = b.split(".");
    for (let depth = 1; depth <= Math.min(left.length, right.length); depth++) {
      if (left[depth - 1] === right[depth - 1]) continue;
      const one = this.byPath.get(left.slice(0, depth).join("."));
      const other = this.byPath.get(right.slice(0, depth).join("."));
      if (one !== undefined && other !== undefined && one.position !== other.position) return one.position - other.position;
      break;
    }
    return order.compare(a, b);
  }

  private group(building: GridNode, top: string): string {
    const names: string[] = [];
    for (const node of this.chain(building.id)) {
      if (node.id === building.id || node.path.length <= top.length) continue;
      if (node.level === "area" || node.level === "community") names.unshift(node.name);
    }
    return names.join(" · ");
  }
}

/** 13-4-104: unit 4, room 4 of its floor. */
const DOOR = /^[^-]+-([^-]+)-\d*(\d\d)$/;
/** With more empty places than this the columns say nothing, and doors simply follow each other. */
const MOST_EMPTY = 1.4;

/** Puts flats of one staircase and room over each other, as the house stands, so that an empty flat is a dark window. */
function elevation(floors: Tile[][]): (Tile | undefined)[][] {
  for (const floor of floors) floor.sort((a, b) => order.compare(a.door, b.door));
  const longest = Math.max(...floors.map((floor) => floor.length));
  const columns = new Map<string, number>();
  for (const tile of floors.flat()) {
    const parts = DOOR.exec(tile.door);
    if (parts === null) return floors;
    columns.set(`${parts[1]}-${parts[2]}`, 0);
  }
  const keys = [...columns.keys()].sort(order.compare);
  if (keys.length > longest * MOST_EMPTY) return floors;
  keys.forEach((key, index) => columns.set(key, index));
  const rows: (Tile | undefined)[][] = [];
  for (const floor of floors) {
    const row = new Array<Tile | undefined>(keys.length).fill(undefined);
    for (const tile of floor) {
      const parts = DOOR.exec(tile.door)!;
      const column = columns.get(`${parts[1]}-${parts[2]}`)!;
      if (row[column] !== undefined) return floors;
      row[column] = tile;
    }
    rows.push(row);
  }
  return rows;
}
