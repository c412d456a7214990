import type { Building } from "./places";
import type { Tile } from "./store";

// A wall fills whatever it hangs on: 16:9, 32:9, a small laptop. There is no scaling of a drawn picture (that blurs); instead the
// largest tile is looked for with which all buildings fit, and the cells are then stretched a little to use what is left.
// Everything here is in device pixels.

/** One building: a heading and rows of tiles, a row a floor (or several, where a floor is longer than the block is wide). */
export interface Block {
  name: string;
  rows: (Tile | undefined)[][];
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
/** Heights of a stack that are tried, in parts of the highest building; 0 stacks nothing. */
const STACKS = [0, 1, 1.1, 1.2, 1.4, 1.7, 2, 2.5, 3];
/** What heading and gap of one more building in a stack cost, in rows. */
const STACK_LOSS = 1.5;
/** Only buildings of about the same width stand over each other. */
const ALIKE = 0.75;
const MOST_SHELVES = 24;
/** Block widths that are tried, in tiles. */
const CAPS = [64, 40, 32, 24, 20, 16, 14, 12, 10, 8, 7, 6, 5, 4];

interface Shape {
  cols: number;
  rows: number;
  /** Longest row that was allowed. */
  cap: number;
  group: string;
}

/** A shelf holds slots from left to right, a slot holds blocks one over the other (low buildings beside a tower). */
type Shelves = number[][][];

/** Sizes that follow from the side of a square cell. */
interface Measure {
  gapX: number;
  gapY: number;
  heading: number;
  bracket: number;
}

/** One way to hang the buildings, and how large a cell gets. */
interface Plan {
  shelves: Shelves;
  measure: Measure;
  cellWidth: number;
  cellHeight: number;
}

export function arrange(buildings: readonly Building[], width: number, height: number, dpr: number): Layout {
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
    const highest = Math.max(0, ...shapes.map((shape) => shape.rows));
    for (const stack of STACKS) {
      for (let count = 1; count <= Math.min(MOST_SHELVES, shapes.length); count++) {
        const shelves = partition(shapes, highest * stack, count);
        if (shelves.length < count) break;
        const plan = fit(shelves, shapes, width, height, dpr, smallest);
        if (plan === null) continue;
        const score = plan.cellWidth * plan.cellHeight * (cap < longest ? FOLDED : 1);
        if (score <= bestScore) continue;
        bestScore = score;
        best = plan;
        bestShapes = shapes;
      }
    }
  }
  if (best === null) {
    // Nothing fits even at the smallest size: blocks of a useful width, and the stage scrolls.
    const measure = measureOf(smallest, dpr);
    const cap = Math.max(4, Math.min(16, Math.floor((width - measure.gapX) / smallest)));
    bestShapes = buildings.map((building) => shapeOf(building, cap));
    best = { shelves: fill(bestShapes, 0, (shape) => shape.cols * smallest + measure.gapX, width), measure, cellWidth: smallest, cellHeight: smallest };
  }
  return place(buildings, bestShapes, best, width, height);
}

function measureOf(pitch: number, dpr: number): Measure {
  return {
    gapX: Math.round(Math.max(pitch * 0.9, 10 * dpr)),
    gapY: Math.round(Math.max(pitch * 0.5, 6 * dpr)),
    heading: Math.round(Math.min(26, Math.max(13, (pitch / dpr) * 0.85)) * dpr),
    bracket: Math.round(Math.min(26, Math.max(15, (pitch / dpr) * 0.95)) * dpr),
  };
}

function shapeOf(building: Building, cap: number): Shape {
  const shape = { cols: 1, rows: 0, cap, group: building.group };
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

/** As many blocks as fit, in their order: first one over the other while they are alike in width, then to the right, then on a new shelf. */
function fill(shapes: readonly Shape[], stackRows: number, need: (shape: Shape) => number, width: number): Shelves {
  const shelves: Shelves = [];
  let used = Infinity;
  let slot: number[] = [];
  let slotRows = Infinity;
  let slotShape: Shape | undefined;
  shapes.forEach((shape, index) => {
    const rows = slotRows + STACK_LOSS + shape.rows;
    if (slotShape !== undefined && rows <= stackRows && shape.cols <= slotShape.cols && shape.cols >= slotShape.cols * ALIKE) {
      slot.push(index);
      slotRows = rows;
      return;
    }
    if (used + need(shape) > width) {
      shelves.push([]);
      used = 0;
    }
    used += need(shape);
    slot = [index];
    slotRows = shape.rows;
    slotShape = shape;
    shelves[shelves.length - 1]!.push(slot);
  });
  return shelves;
}

/** The blocks on so many shelves, the longest shelf as short as can be; a slot counts one column for its gap. */
function partition(shapes: readonly Shape[], stackRows: number, count: number): Shelves {
  const need = (shape: Shape): number => shape.cols + 1;
  let low = Math.max(0, ...shapes.map(need));
  let high = shapes.reduce((sum, shape) => sum + need(shape), 0);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (fill(shapes, stackRows, need, middle).length <= count) high = middle;
    else low = middle + 1;
  }
  return fill(shapes, stackRows, need, high);
}

function columnsOf(shelf: readonly number[][], shapes: readonly Shape[]): number {
  return shelf.reduce((sum, slot) => sum + shapes[slot[0]!]!.cols, 0);
}

/** Whether a line with the group's name stands above a block: at the top of its slot, and where the group changes within. */
function opensGroup(slot: readonly number[], place: number, shapes: readonly Shape[]): boolean {
  const { group } = shapes[slot[place]!]!;
  return group !== "" && (place === 0 || shapes[slot[place - 1]!]!.group !== group);
}

function slotHeight(slot: readonly number[], shapes: readonly Shape[], measure: Measure, cellHeight: number): number {
  return slot.reduce(
    (sum, index, place) => sum + (opensGroup(slot, place, shapes) ? measure.bracket : 0) + measure.heading + shapes[index]!.rows * cellHeight + measure.gapY,
    0,
  );
}

function shelfHeight(shelf: readonly number[][], shapes: readonly Shape[], measure: Measure, cellHeight: number): number {
  return shelf.reduce((most, slot) => Math.max(most, slotHeight(slot, shapes, measure, cellHeight)), 0);
}

/** The largest number from `low` to `high` that passes; `low` when none does. */
function largest(low: number, high: number, passes: (candidate: number) => boolean): number {
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (passes(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The largest square cell for these shelves, then stretched to what is left; null when even the smallest does not fit. */
function fit(shelves: Shelves, shapes: readonly Shape[], width: number, height: number, dpr: number, smallest: number): Plan | null {
  const high = (measure: Measure, cellHeight: number): boolean => shelves.reduce((sum, shelf) => sum + shelfHeight(shelf, shapes, measure, cellHeight), 0) <= height;
  const wide = (measure: Measure, cellWidth: number): boolean => shelves.every((shelf) => columnsOf(shelf, shapes) * cellWidth + shelf.length * measure.gapX <= width);
  const pitch = largest(smallest - 1, Math.round(LARGEST * dpr), (candidate) => {
    const measure = measureOf(candidate, dpr);
    return wide(measure, candidate) && high(measure, candidate);
  });
  if (pitch < smallest) return null;
  const measure = measureOf(pitch, dpr);
  const most = Math.floor(pitch * STRETCH);
  return {
    shelves,
    measure,
    cellWidth: largest(pitch, most, (candidate) => wide(measure, candidate)),
    cellHeight: largest(pitch, most, (candidate) => high(measure, candidate)),
  };
}

function place(buildings: readonly Building[], shapes: readonly Shape[], plan: Plan, width: number, height: number): Layout {
  const { shelves, measure, cellWidth, cellHeight } = plan;
  const { gapX, gapY, heading, bracket } = measure;
  const blocks: Block[] = [];
  const brackets: Bracket[] = [];
  const used = shelves.reduce((sum, shelf) => sum + shelfHeight(shelf, shapes, measure, cellHeight), 0);
  const leading = Math.max(0, Math.min(gapY * 8, Math.floor((height - used) / (shelves.length + 1))));
  // What is left goes between the blocks, the same on each shelf so that columns stay in line, and never so much that a shelf falls apart.
  const tight = (shelf: readonly number[][]): number => columnsOf(shelf, shapes) * cellWidth + gapX * shelf.length;
  const extra = Math.max(0, shelves.reduce((least, shelf) => Math.min(least, Math.floor((width - tight(shelf)) / shelf.length)), gapX * 2));
  const widest = shelves.reduce((most, shelf) => Math.max(most, tight(shelf) + extra * shelf.length), 0);
  let top = leading;
  for (const shelf of shelves) {
    const bottom = top + shelfHeight(shelf, shapes, measure, cellHeight);
    let x = Math.floor((gapX + extra + Math.max(0, width - widest)) / 2);
    for (const slot of shelf) {
      // Houses stand on the ground: slots of one shelf end on the same line.
      let y = bottom - slotHeight(slot, shapes, measure, cellHeight);
      slot.forEach((index, storey) => {
        const building = buildings[index]!;
        const shape = shapes[index]!;
        if (opensGroup(slot, storey, shapes)) {
          const line = { text: shape.group, x, y: storey === 0 ? top : y, width: shape.cols * cellWidth };
          const last = brackets[brackets.length - 1];
          if (storey === 0 && last !== undefined && last.text === line.text && last.y === top) last.width = x + line.width - last.x;
          else brackets.push(line);
          y += bracket;
        }
        const block: Block = {
          name: building.name,
          rows: [],
          cols: shape.cols,
          left: x - Math.floor(gapX / 2),
          top: y,
          width: shape.cols * cellWidth + gapX,
          height: heading + shape.rows * cellHeight + gapY,
          x,
          y: y + heading,
        };
        for (const floor of building.floors) {
          const length = rowLength(floor.length, shape.cap);
          for (let from = 0; from < floor.length; from += length) block.rows.push(floor.slice(from, from + length));
        }
        block.rows.forEach((row, r) => {
          row.forEach((tile, c) => {
            if (tile === undefined) return;
            tile.x = x + c * cellWidth;
            tile.y = block.y + r * cellHeight;
            tile.block = blocks.length;
          });
        });
        blocks.push(block);
        y += block.height;
      });
      x += shapes[slot[0]!]!.cols * cellWidth + gapX + extra;
    }
    top = bottom + leading;
  }
  return {
    blocks,
    brackets,
    cellWidth,
    cellHeight,
    gap: Math.max(1, Math.round(Math.min(cellWidth, cellHeight) * 0.13)),
    headingHeight: heading,
    bracketHeight: bracket,
    height: Math.max(height, top),
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
        if (tile === undefined) continue;
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
  for (const block of layout.blocks) for (const row of block.rows) for (const tile of row) if (tile !== undefined) tiles.push(tile);
  return tiles;
}
