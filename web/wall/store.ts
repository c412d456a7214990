import type { Tier, TierState, TilesChanged, WallAnswer, WallChanges, WallTile } from "./contract";
import { parseVersion } from "./version";

/** One household on the wall. The objects live as long as the wall: a change sets members and makes nothing new. */
export interface Tile extends WallTile {
  /** The version it was last set by; 0 while only the store as a whole is known. */
  n: number;
  /** Place on the canvas, in device pixels; written by the layout. */
  x: number;
  y: number;
  /** Index of its block in the layout. */
  block: number;
  /** When it last changed on this page, for the flash; 0 is never. */
  flashAt: number;
}

/** Called once a change that a person should see. `was` and `wasState` equal the present values when only days changed. */
export type Changed = (tile: Tile, was: Tier, wasState: TierState, visited: boolean) => void;

export type Outcome =
  /** Only existing tiles changed. */
  | "painted"
  /** Tiles came, went or moved: the layout is stale. */
  | "reshaped"
  /** The change feed alone cannot tell what holds now: load the wall. */
  | "reload";

export class Store {
  version = "";
  tiles: Tile[] = [];
  private byId = new Map<string, Tile>();
  /** Households that changed in the pages of an answer that is not complete yet. */
  private readonly inPages = new Set<string>();

  get(id: string): Tile | undefined {
    return this.byId.get(id);
  }

  /** Takes a whole wall. Tiles that were here before keep their object, and their differences are told like changes. */
  replace(wall: WallAnswer, changed: Changed): void {
    const before = this.byId;
    const base = parseVersion(wall.version)?.n ?? 0;
    this.version = wall.version;
    this.byId = new Map();
    this.tiles = wall.tiles.map((row) => {
      let tile = before.get(row.id);
      if (tile === undefined) tile = { ...row, n: base, x: 0, y: 0, block: 0, flashAt: 0 };
      else this.set(tile, row, base, changed);
      this.byId.set(row.id, tile);
      return tile;
    });
  }

  /**
   * Takes a hub message at once, without settling: only tier and state, only where it is provably newer.
   * Versions of several roots cannot be compared here, so such a wall waits for the change feed.
   */
  hint(message: TilesChanged, changed: Changed): void {
    const here = parseVersion(this.version);
    if (here === null) return;
    for (const row of message.tiles) {
      const tile = this.byId.get(row.id);
      const version = parseVersion(row.version);
      if (row.removed === true || tile === undefined || version === null || version.epoch !== here.epoch || version.n <= tile.n) continue;
      tile.n = version.n;
      this.recolour(tile, row.tier, row.state, changed, false);
    }
  }

  /** Takes an answer of the change feed: the truth from the store's version on. */
  settle(answer: WallChanges, changed: Changed): Outcome {
    const here = parseVersion(this.version);
    const there = parseVersion(answer.version);
    if (here !== null && (there === null || there.epoch !== here.epoch)) return "reload";
    // A household that left and came back, or moved between roots, is in both lists, and versions of two roots have no order.
    for (const row of answer.changed) this.inPages.add(row.id);
    const tangled = answer.removed.some((row) => this.inPages.has(row.id));
    if (tangled || answer.more !== true) this.inPages.clear();
    if (tangled) return "reload";
    let outcome: Outcome = "painted";
    for (const row of answer.changed) {
      const n = here === null ? 0 : (parseVersion(row.version)?.n ?? 0);
      const tile = this.byId.get(row.id);
      if (tile === undefined) {
        const added: Tile = { ...row, n, x: 0, y: 0, block: 0, flashAt: 0 };
        this.byId.set(row.id, added);
        this.tiles.push(added);
        outcome = "reshaped";
      } else if (n >= tile.n) {
        // Equal counts: the hint brought tier and state of this very version, the row brings the rest.
        if (tile.node !== row.node || tile.door !== row.door) outcome = "reshaped";
        this.set(tile, row, n, changed);
      }
    }
    for (const row of answer.removed) {
      if (this.byId.delete(row.id)) outcome = "reshaped";
    }
    if (outcome === "reshaped") this.tiles = this.tiles.filter((tile) => this.byId.get(tile.id) === tile);
    this.version = answer.version;
    return outcome;
  }

  private set(tile: Tile, row: WallTile, n: number, changed: Changed): void {
    const visited = row.lastVisitDay !== null && row.lastVisitDay !== tile.lastVisitDay;
    const dueMoved = row.dueDay !== tile.dueDay;
    tile.n = n;
    tile.node = row.node;
    tile.door = row.door;
    tile.dueDay = row.dueDay;
    tile.lastVisitDay = row.lastVisitDay;
    this.recolour(tile, row.tier, row.state, changed, visited, dueMoved);
  }

  private recolour(tile: Tile, tier: Tier, state: TierState, changed: Changed, visited: boolean, dueMoved = false): void {
    const was = tile.tier;
    const wasState = tile.state;
    if (was === tier && wasState === state && !visited && !dueMoved) return;
    tile.tier = tier;
    tile.state = state;
    changed(tile, was, wasState, visited);
  }
}
