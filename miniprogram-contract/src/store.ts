import type { Tier, TierState, TilesChanged, WallAnswer, WallChanges, WallTile } from "./contract";
import { parseVersion } from "./version";

/** One household on the wall. The objects live as long as the wall: a change sets members and makes nothing new. */
export interface Tile extends WallTile {
  /** The version it was last set by; that of the whole wall until it changes. */
  n: number;
}

/** Called once a change that a person should see. `was` and `wasState` equal the present values when only days changed. */
export type Changed<T extends Tile = Tile> = (tile: T, was: Tier, wasState: TierState, visited: boolean) => void;

export type Outcome =
  /** Only existing tiles changed. */
  | "painted"
  /** Tiles came, went or moved: the layout is stale. */
  | "reshaped"
  /** The change feed alone cannot tell what holds now: load the wall. */
  | "reload";

/** The tiles of one wall as the service has them: nothing is missed, and nothing goes back to what it was before (RL07). */
export interface TileStore<T extends Tile = Tile> {
  version: string;
  tiles: T[];
  get(id: string): T | undefined;
  /** Takes a whole wall. Tiles that were here before keep their object, and their differences are told like changes. */
  replace(wall: WallAnswer, changed: Changed<T>): void;
  /**
   * Takes a hub message at once, without settling: only tier and state, only where it is provably newer.
   * Versions of several roots cannot be compared here, so such a wall waits for the change feed.
   */
  hint(message: TilesChanged, changed: Changed<T>): void;
  /** Takes an answer of the change feed: the truth from the store's version on. */
  settle(answer: WallChanges, changed: Changed<T>): Outcome;
}

/** @param make From a row to a tile with whatever else its owner keeps on it. */
export function tileStore<T extends Tile = Tile>(make: (tile: Tile) => T): TileStore<T> {
  let byId = new Map<string, T>();
  /** Households that changed in the pages of an answer that is not complete yet. */
  const inPages = new Set<string>();

  /** Takes what is known of a tile at version `n` and tells it once, if anybody can see it. */
  function take(tile: T, row: Partial<WallTile>, n: number, changed: Changed<T>): void {
    const { tier, state, dueDay, lastVisitDay } = tile;
    Object.assign(tile, row, { n });
    const visited = tile.lastVisitDay !== null && tile.lastVisitDay !== lastVisitDay;
    if (tile.tier !== tier || tile.state !== state || tile.dueDay !== dueDay || visited) changed(tile, tier, state, visited);
  }

  const store: TileStore<T> = {
    version: "",
    tiles: [],
    get: (id) => byId.get(id),

    replace(wall, changed) {
      const before = byId;
      const n = numberOf(wall.version);
      store.version = wall.version;
      byId = new Map();
      inPages.clear();
      store.tiles = wall.tiles.map((row) => {
        let tile = before.get(row.id);
        if (tile === undefined) tile = make({ ...row, n });
        else take(tile, row, n, changed);
        byId.set(row.id, tile);
        return tile;
      });
    },

    hint(message, changed) {
      const here = parseVersion(store.version);
      for (const row of message.tiles) {
        const tile = byId.get(row.id);
        const there = parseVersion(row.version);
        if (!row.removed && tile !== undefined && here.n >= 0 && there.epoch === here.epoch && there.n > tile.n) take(tile, { tier: row.tier, state: row.state }, there.n, changed);
      }
    },

    settle(answer, changed) {
      const here = parseVersion(store.version);
      if (parseVersion(answer.version).epoch !== here.epoch) return "reload";
      // A household that left and came back, or moved between roots, is in both lists, and versions of two roots have no order.
      for (const row of answer.changed) inPages.add(row.id);
      const tangled = answer.removed.some((row) => inPages.has(row.id));
      if (tangled || !answer.more) inPages.clear();
      if (tangled) return "reload";
      let outcome: Outcome = "painted";
      for (const row of answer.changed) {
        const n = here.n >= 0 ? numberOf(row.version) : 0;
        const tile = byId.get(row.id);
        if (tile === undefined) {
          const added = make({ ...row, n });
          byId.set(row.id, added);
          store.tiles.push(added);
          outcome = "reshaped";
        } else if (n >= tile.n) {
          // Equal counts: the hint brought tier and state of this very version, the row brings the rest.
          if (tile.node !== row.node || tile.door !== row.door) outcome = "reshaped";
          take(tile, row, n, changed);
        }
      }
      for (const row of answer.removed) if (byId.delete(row.id)) outcome = "reshaped";
      if (outcome === "reshaped") store.tiles = store.tiles.filter((tile) => byId.get(tile.id) === tile);
      store.version = answer.version;
      return outcome;
    },
  };
  return store;
}

/** Where versions cannot be compared, every tile counts as of the beginning, and every answer of the service as newer. */
function numberOf(version: string): number {
  return parseVersion(version).n || 0;
}
