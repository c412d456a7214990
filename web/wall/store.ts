import { tileStore, type Tile as StoredTile, type TileStore } from "../../miniprogram-contract/src/store";

/** One household on this page: what the store keeps true, and where it stands on the canvas. */
export interface Tile extends StoredTile {
  /** Place on the canvas, in device pixels; written by the layout. */
  x: number;
  y: number;
  /** Index of its block in the layout. */
  block: number;
  /** When it last changed on this page, for the flash; 0 is never. */
  flashAt: number;
}

export type Store = TileStore<Tile>;

export const openStore = (): Store => tileStore((tile) => ({ ...tile, x: 0, y: 0, block: 0, flashAt: 0 }));
