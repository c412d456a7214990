import { isOverdue } from "./days";
import { Frames } from "./frames";
import { tileAt, type Block, type Layout } from "./layout";
import { isOpen, Sprites } from "./sprites";
import type { Tile } from "./store";
import { BACKGROUND } from "./tiers";

// A change repaints the building it stands in (a few hundred copies of ready pictures), so that the shine of a red tile over its neighbours
// is right without any bookkeeping. A frame of a flash repaints the nine cells around the tile, or the building when many flash in it.
// Nothing is allocated a change.

const FLASH = 2600;
/** How far the ring of a flash runs, in cells: no further than the free space around a building. */
const RING = 0.4;
/** More flashing tiles in one building than this, and the building is repainted whole. */
const MANY = 12;
/** With reduced motion a change is marked by a steady frame for so long. */
const STEADY = 6000;
/** More flashes at once than this are a reload or a batch; the tiles change colour, the legend and the line below tell the sum. */
const MOST_FLASHES = 40;
/** A tile that turned red may still flash while others may not. */
const MOST_RED_FLASHES = 60;

const FONT = '"PingFang SC","Microsoft YaHei","Noto Sans CJK SC","Source Han Sans SC",sans-serif';

export class Painter {
  private readonly c: CanvasRenderingContext2D;
  private readonly still = matchMedia("(prefers-reduced-motion: reduce)");
  private layout: Layout | null = null;
  private sprites: Sprites | null = null;
  private labels: string[] = [];
  private dirty: boolean[] = [];
  private flashes: number[] = [];
  private allDirty = true;
  private waiting = false;
  private steadyTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly flashing: Tile[] = [];
  private readonly frames: Frames;
  private today = "";

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.c = canvas.getContext("2d", { alpha: false })!;
    this.frames = new Frames(canvas);
  }

  setLayout(layout: Layout, width: number): void {
    this.layout = layout;
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== layout.height) this.canvas.height = layout.height;
    this.sprites = new Sprites(layout.cellWidth - layout.gap, layout.cellHeight - layout.gap);
    this.dirty = layout.blocks.map(() => false);
    this.flashes = layout.blocks.map(() => 0);
    // A household that left the wall takes its flash along.
    let kept = 0;
    for (const tile of this.flashing) if (tileAt(layout, tile.x, tile.y) === tile) this.flashing[kept++] = tile;
    this.flashing.length = kept;
    this.c.font = this.headingFont();
    this.labels = layout.blocks.map((block) => this.fit(block.name, block.width - layout.headingHeight * 2.2));
    this.repaintAll();
  }

  setDay(today: string): void {
    if (today === this.today) return;
    this.today = today;
    this.repaintAll();
  }

  repaintAll(): void {
    this.allDirty = true;
    this.ask();
  }

  repaint(tile: Tile): void {
    this.dirty[tile.block] = true;
    this.ask();
  }

  /** A change that a person should see. */
  flash(tile: Tile): void {
    this.repaint(tile);
    if (this.flashing.length >= (tile.tier === "red" ? MOST_RED_FLASHES : MOST_FLASHES)) return;
    if (tile.flashAt === 0) this.flashing.push(tile);
    tile.flashAt = performance.now();
  }

  private ask(): void {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(this.frame);
  }

  private readonly frame = (time: number): void => {
    this.waiting = false;
    const layout = this.layout;
    if (layout === null) return;
    const still = this.still.matches;
    const life = still ? STEADY : FLASH;
    this.flashes.fill(0);
    for (const tile of this.flashing) this.flashes[tile.block]!++;
    if (this.allDirty) {
      this.c.fillStyle = BACKGROUND;
      this.c.fillRect(0, 0, this.canvas.width, this.canvas.height);
      this.paintBrackets(layout);
    }
    for (let index = 0; index < layout.blocks.length; index++) {
      this.dirty[index] = this.dirty[index]! || this.allDirty || this.flashes[index]! > MANY;
      if (this.dirty[index]) this.paintBlock(layout, layout.blocks[index]!, this.labels[index]!);
    }
    // First what flashed is taken back everywhere, then what still flashes is drawn: flashes may overlap.
    for (const tile of this.flashing) if (!this.dirty[tile.block]) this.paintAround(layout, layout.blocks[tile.block]!, this.labels[tile.block]!, tile);
    let kept = 0;
    for (const tile of this.flashing) {
      if (time - tile.flashAt >= life) {
        tile.flashAt = 0;
        continue;
      }
      this.flashing[kept++] = tile;
      this.paintFlash(layout, tile, time, still);
    }
    this.flashing.length = kept;
    this.dirty.fill(false);
    this.allDirty = false;
    this.frames.painted(time);
    if (kept === 0) return;
    if (!still) this.ask();
    else if (this.steadyTimer === undefined) {
      this.steadyTimer = setTimeout(() => {
        this.steadyTimer = undefined;
        this.ask();
      }, 1000);
    }
  };

  private paintBlock(layout: Layout, block: Block, label: string): void {
    const c = this.c;
    c.save();
    c.beginPath();
    c.rect(block.left, block.top, block.width, block.height);
    c.clip();
    c.fillStyle = BACKGROUND;
    c.fillRect(block.left, block.top, block.width, block.height);
    this.paintCells(layout, block, 0, block.rows.length - 1, 0, block.cols - 1);
    this.paintHeading(layout, block, label);
    c.restore();
  }

  /** The cell of a tile and the eight around it, as far as they belong to the building. */
  private paintAround(layout: Layout, block: Block, label: string, tile: Tile): void {
    const row = Math.round((tile.y - block.y) / layout.cellHeight);
    if (row === 0) {
      this.paintBlock(layout, block, label); // the heading is near
      return;
    }
    const col = Math.round((tile.x - block.x) / layout.cellWidth);
    const left = Math.max(block.left, tile.x - layout.cellWidth);
    const top = tile.y - layout.cellHeight;
    const right = Math.min(block.left + block.width, tile.x + layout.cellWidth * 2);
    const bottom = Math.min(block.top + block.height, tile.y + layout.cellHeight * 2);
    const c = this.c;
    c.save();
    c.beginPath();
    c.rect(left, top, right - left, bottom - top);
    c.clip();
    c.fillStyle = BACKGROUND;
    c.fillRect(left, top, right - left, bottom - top);
    this.paintCells(layout, block, row - 1, row + 1, col - 1, col + 1);
    c.restore();
  }

  /** Green first, then what shines (also from just outside), then the exceptions themselves, so that no shine dims an exception. */
  private paintCells(layout: Layout, block: Block, row0: number, row1: number, col0: number, col1: number): void {
    const c = this.c;
    const sprites = this.sprites!;
    const half = layout.gap >> 1;
    for (let pass = 0; pass < 3; pass++) {
      const wider = pass === 1 ? 1 : 0;
      for (let r = Math.max(0, row0 - wider); r <= Math.min(block.rows.length - 1, row1 + wider); r++) {
        const row = block.rows[r]!;
        for (let n = Math.max(0, col0 - wider); n <= Math.min(row.length - 1, col1 + wider); n++) {
          const tile = row[n];
          if (tile === undefined) continue;
          if (pass === 1) sprites.shine(c, tile.x + half, tile.y + half, tile.tier);
          else if ((tile.tier === "green") === (pass === 0)) {
            sprites.tile(c, tile.x + half, tile.y + half, tile.tier, isOpen(tile.state), isOverdue(tile.dueDay, this.today));
          }
        }
      }
    }
  }

  private paintHeading(layout: Layout, block: Block, label: string): void {
    const c = this.c;
    let reds = 0;
    for (const row of block.rows) for (const tile of row) if (tile?.tier === "red") reds++;
    const middle = block.y - layout.headingHeight * 0.52;
    c.font = this.headingFont();
    c.textBaseline = "middle";
    c.textAlign = "left";
    c.fillStyle = reds > 0 ? "#e8eef4" : "#93a7ba";
    c.fillText(label, block.x, middle);
    if (reds === 0) return;
    const right = block.x + block.cols * layout.cellWidth - layout.gap;
    c.textAlign = "right";
    c.fillStyle = "#ff8a80";
    c.fillText(reds < 100 ? `▲${reds}` : "▲99+", Math.max(right, block.x + layout.headingHeight * 3), middle);
  }

  private paintBrackets(layout: Layout): void {
    const c = this.c;
    const size = layout.bracketHeight;
    if (size === 0) return;
    c.font = `600 ${Math.round(size * 0.62)}px ${FONT}`;
    c.textBaseline = "middle";
    c.textAlign = "left";
    for (const bracket of layout.brackets) {
      const text = this.fit(bracket.text, bracket.width);
      const width = c.measureText(text).width;
      c.fillStyle = "#7fc4bf";
      c.fillText(text, bracket.x, bracket.y + size * 0.55);
      c.fillStyle = "#24374a";
      const from = bracket.x + width + size * 0.4;
      const to = bracket.x + bracket.width - layout.gap;
      if (to > from) c.fillRect(from, Math.round(bracket.y + size * 0.55), to - from, Math.max(1, Math.round(size * 0.06)));
    }
  }

  /** One slow swell and a ring that runs outwards, no blinking (at most one flash a change, WCAG 2.3.1). */
  private paintFlash(layout: Layout, tile: Tile, time: number, still: boolean): void {
    const c = this.c;
    const half = layout.gap >> 1;
    const x = tile.x + half;
    const y = tile.y + half;
    const w = layout.cellWidth - layout.gap;
    const h = layout.cellHeight - layout.gap;
    const line = Math.max(2, Math.round(Math.min(w, h) * 0.1));
    c.strokeStyle = "#ffffff";
    c.lineWidth = line;
    if (still) c.strokeRect(x - line / 2, y - line / 2, w + line, h + line);
    else {
      const t = Math.max(0, Math.min(1, (time - tile.flashAt) / FLASH));
      c.globalAlpha = 0.8 * (1 - t) * (1 - t);
      c.fillStyle = "#ffffff";
      c.fillRect(x, y, w, h);
      const grow = (1 - (1 - t) * (1 - t)) * Math.min(layout.cellWidth, layout.cellHeight) * RING;
      c.globalAlpha = 1 - t;
      c.strokeRect(x - grow, y - grow, w + grow * 2, h + grow * 2);
      c.globalAlpha = 1;
    }
  }

  private headingFont(): string {
    return `600 ${Math.round((this.layout?.headingHeight ?? 16) * 0.74)}px ${FONT}`;
  }

  private fit(text: string, width: number): string {
    if (this.c.measureText(text).width <= width) return text;
    let length = text.length - 1;
    while (length > 1 && this.c.measureText(`${text.slice(0, length)}…`).width > width) length--;
    return `${text.slice(0, length)}…`;
  }
}
