import type { Building } from "./places";
import type { Tile } from "./store";

// A wall fills whatever it hangs on: 16:9, 32:9, a small laptop. There is no scaling of a drawn picture (that blurs); instead the
// largest tile is looked for with which all buildings fit, and the cells are then stretched a little to use what is left.
// Everything here is in device pixels.

/** One building: a heading and rows of tiles, a row a floor (or several, where a floor is longer than the block is wide). */
export interface Block {
  name: string;
  rows: Tile[][];
  cols: number;
  /** The part of the canvas that is repainted for it, heading and glow included. */
  left: number;
  top: number;
  width: number;
  height: number;
  /** Where its rows begin. */
  x: number;
  y: number;
}

/** A line above neighbouring blocks that belong together. */
export interface Bracket {
  text: string;
  x: number;
  y: number;
  width: number;
}

export interface Layout {
  blocks: Block[];
  brackets: Bracket[];
  cellWidth: number;
  cellHeight: number;
  /** Free space between two tiles. */
  gap: number;
  headingHeight: number;
  bracketHeight: number;
  /** Needed height; more than the given one only when the tiles would become too small to see. */
  height: number;
}

/** Smallest cell in CSS pixels; a wall that would need less scrolls. */
const SMALLEST = 9;
const LARGEST = 96;
/** How far a cell may leave the square to fill the surface. */
const STRETCH = 1.5;
/** A row should be a floor: folding floors must win much area to be worth it. */
const FOLDED = 0.6;
/** Block widths that are tried, in tiles. */
const CAPS = [64, 40, 32, 24, 20, 16, 14, 12, 10, 8, 7, 6, 5, 4];

interface Shape {
  cols: number;
  rows: number;
  /** Longest row that was allowed. */
  cap: number;
}

/** Sizes that follow from the side of a square cell. */
interface Measure {
  gapX: number;
  gapY: number;
  heading: number;
  bracket: number;
}

/** One way to hang the buildings: which stand on which shelf, and how large a cell gets. */
interface Plan {
  shelves: number[][];
  measure: Measure;
  cellWidth: number;
  cellHeight: number;
}

export function arrange(buildings: readonly Building[], width: number, height: number, dpr: number): Layout {
  const grouped = buildings.some((building) => building.group !== "");
  const smallest = Math.round(SMALLEST * dpr);
  const longest = Math.max(1, ...buildings.map((building) => Math.max(0, ...building.floors.map((floor) => floor.length))));
  let best: Plan | null = null;
  let bestShapes: Shape[] = [];
  let bestScore = 0;
  let triedCols = Infinity;
  for (const cap of CAPS) {
    const shapes = buildings.map((building) => shapeOf(building, cap));
    const widest = Math.max(0, ...shapes.map((shape) => shape.cols));
    if (widest === triedCols) continue;
    triedCols = widest;
    for (let count = 1; count <= shapes.length; count++) {
      const shelves = partition(shapes, count);
      if (shelves.length < count) break;
      const plan = fit(shelves, shapes, width, height, dpr, grouped, smallest);
      if (plan === null) continue;
      const score = plan.cellWidth * plan.cellHeight * (cap < longest ? FOLDED : 1);
      if (score <= bestScore) continue;
      bestScore = score;
      best = plan;
      bestShapes = shapes;
    }
  }
  if (best === null) {
    // Nothing fits even at the smallest size: blocks of a useful width, and the stage scrolls.
    const measure = measureOf(smallest, dpr, grouped);
    const cap = Math.max(4, Math.min(16, Math.floor((width - measure.gapX) / smallest)));
    bestShapes = buildings.map((building) => shapeOf(building, cap));
    best = { shelves: fill(bestShapes, (shape) => shape.cols * smallest + measure.gapX, width), measure, cellWidth: smallest, cellHeight: smallest };
  }
  return place(buildings, bestShapes, best, width, height);
}

function measureOf(pitch: number, dpr: number, grouped: boolean): Measure {
  return {
    gapX: Math.round(Math.max(pitch * 0.9, 10 * dpr)),
    gapY: Math.round(Math.max(pitch * 0.45, 6 * dpr)),
    heading: Math.round(Math.min(26, Math.max(13, (pitch / dpr) * 0.85)) * dpr),
    bracket: grouped ? Math.round(Math.min(26, Math.max(15, (pitch / dpr) * 0.95)) * dpr) : 0,
  };
}

function shapeOf(building: Building, cap: number): Shape {
  const shape = { cols: 1, rows: 0, cap };
  for (const floor of building.floors) {
    shape.cols = Math.max(shape.cols, rowLength(floor.length, cap));
    shape.rows += Math.ceil(floor.length / cap);
  }
  return shape;
}

/** A floor that does not fit on one row is folded into rows of equal length. */
function rowLength(doors: number, cap: number): number {
  return Math.ceil(doors / Math.max(1, Math.ceil(doors / cap)));
}

/** Shelves from left to right, as many blocks on each as fit. */
function fill(shapes: readonly Shape[], need: (shape: Shape) => number, width: number): number[][] {
  const shelves: number[][] = [];
  let used = Infinity;
  shapes.forEach((shape, index) => {
    if (used + need(shape) > width) {
      shelves.push([]);
      used = 0;
    }
    shelves[shelves.length - 1]!.push(index);
    used += need(shape);
  });
  return shelves;
}

/** The blocks in their order on so many shelves, the longest shelf as short as can be; a block counts one column for its gap. */
function partition(shapes: readonly Shape[], count: number): number[][] {
  const need = (shape: Shape): number => shape.cols + 1;
  let low = Math.max(0, ...shapes.map(need));
  let high = shapes.reduce((sum, shape) => sum + need(shape), 0);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (fill(shapes, need, middle).length <= count) high = middle;
    else low = middle + 1;
  }
  return fill(shapes, need, high);
}

function columnsOf(shelf: readonly number[], shapes: readonly Shape[]): number {
  return shelf.reduce((sum, index) => sum + shapes[index]!.cols, 0);
}

function rowsOf(shelf: readonly number[], shapes: readonly Shape[]): number {
  return Math.max(...shelf.map((index) => shapes[index]!.rows));
}

/** The largest square cell for these shelves, then stretched to what is left; null when even the smallest does not fit. */
function fit(
  shelves: number[][], shapes: readonly Shape[], width: number, height: number, dpr: number, grouped: boolean, smallest: number,
): Plan | null {
  const rows = shelves.reduce((sum, shelf) => sum + rowsOf(shelf, shapes), 0);
  const perRow = (measure: Measure): number => Math.floor((height - shelves.length * (measure.bracket + measure.heading + measure.gapY)) / rows);
  const perColumn = (measure: Measure): number =>
    shelves.reduce((least, shelf) => Math.min(least, Math.floor((width - shelf.length * measure.gapX) / columnsOf(shelf, shapes))), Infinity);
  let low = smallest - 1;
  let high = Math.round(LARGEST * dpr);
  while (low < high) {
    const pitch = Math.ceil((low + high) / 2);
    const measure = measureOf(pitch, dpr, grouped);
    if (perRow(measure) >= pitch && perColumn(measure) >= pitch) low = pitch;
    else high = pitch - 1;
  }
  if (low < smallest) return null;
  const measure = measureOf(low, dpr, grouped);
  const most = Math.floor(low * STRETCH);
  return { shelves, measure, cellWidth: Math.min(most, perColumn(measure)), cellHeight: Math.min(most, perRow(measure)) };
}

function place(buildings: readonly Building[], shapes: readonly Shape[], plan: Plan, width: number, height: number): Layout {
  const { shelves, cellWidth, cellHeight } = plan;
  const { gapX, gapY, heading, bracket } = plan.measure;
  const blocks: Block[] = [];
  const brackets: Bracket[] = [];
  const used = shelves.reduce((sum, shelf) => sum + bracket + heading + rowsOf(shelf, shapes) * cellHeight + gapY, 0);
  const leading = Math.max(0, Math.min(gapY * 8, Math.floor((height - used) / (shelves.length + 1))));
  // What is left goes between the blocks, the same on each shelf so that columns stay in line, and never so much that a shelf falls apart.
  const tight = (shelf: readonly number[]): number => columnsOf(shelf, shapes) * cellWidth + gapX * shelf.length;
  const extra = Math.max(0, shelves.reduce((least, shelf) => Math.min(least, Math.floor((width - tight(shelf)) / shelf.length)), gapX * 2));
  const widest = shelves.reduce((most, shelf) => Math.max(most, tight(shelf) + extra * shelf.length), 0);
  let y = leading;
  for (const shelf of shelves) {
    const rows = rowsOf(shelf, shapes);
    let x = Math.floor((gapX + extra + Math.max(0, width - widest)) / 2);
    shelf.forEach((index, place) => {
      const building = buildings[index]!;
      const shape = shapes[index]!;
      const block: Block = {
        name: building.name,
        rows: [],
        cols: shape.cols,
        left: x - Math.floor(gapX / 2),
        top: y + bracket,
        width: shape.cols * cellWidth + gapX,
        height: heading + rows * cellHeight + gapY,
        x,
        // Houses stand on the ground: blocks of one shelf end on the same line.
        y: y + bracket + heading + (rows - shape.rows) * cellHeight,
      };
      for (const floor of building.floors) {
        const length = rowLength(floor.length, shape.cap);
        for (let from = 0; from < floor.length; from += length) block.rows.push(floor.slice(from, from + length));
      }
      block.rows.forEach((row, r) => {
        row.forEach((tile, c) => {
          tile.x = x + c * cellWidth;
          tile.y = block.y + r * cellHeight;
          tile.block = blocks.length;
        });
      });
      blocks.push(block);
      if (building.group !== "") {
        const last = brackets[brackets.length - 1];
        if (place > 0 && last !== undefined && last.text === building.group) last.width = x + shape.cols * cellWidth - last.x;
        else brackets.push({ text: building.group, x, y, width: shape.cols * cellWidth });
      }
      x += shape.cols * cellWidth + gapX + extra;
    });
    y += bracket + heading + rows * cellHeight + gapY + leading;
  }
  return {
    blocks,
    brackets,
    cellWidth,
    cellHeight,
    gap: Math.max(1, Math.round(Math.min(cellWidth, cellHeight) * 0.13)),
    headingHeight: heading,
    bracketHeight: bracket,
    height: Math.max(height, y),
  };
}

/** The tile under a point, or undefined. */
export function tileAt(layout: Layout, x: number, y: number): Tile | undefined {
  for (const block of layout.blocks) {
    if (x < block.x || x >= block.left + block.width || y < block.y || y >= block.top + block.height) continue;
    const tile = block.rows[Math.floor((y - block.y) / layout.cellHeight)]?.[Math.floor((x - block.x) / layout.cellWidth)];
    if (tile !== undefined) return tile;
  }
  return undefined;
}

export type Direction = "left" | "right" | "up" | "down";

/** The nearest tile in a direction, as the eye sees it: along the axis first, and across buildings. */
export function neighbour(layout: Layout, from: Tile, direction: Direction): Tile | undefined {
  const across = direction === "left" || direction === "right";
  const sign = direction === "left" || direction === "up" ? -1 : 1;
  let best: Tile | undefined;
  let least = Infinity;
  for (const block of layout.blocks) {
    for (const row of block.rows) {
      for (const tile of row) {
        const along = sign * (across ? tile.x - from.x : tile.y - from.y);
        const aside = Math.abs(across ? tile.y - from.y : tile.x - from.x);
        if (along <= 0) continue;
        const score = along + aside * 6;
        if (score < least) {
          least = score;
          best = tile;
        }
      }
    }
  }
  return best;
}

/** All tiles in reading order: block by block, row by row. */
export function readingOrder(layout: Layout): Tile[] {
  const tiles: Tile[] = [];
  for (const block of layout.blocks) for (const row of block.rows) for (const tile of row) tiles.push(tile);
  return tiles;
}
