import type { Tier } from "./contract";
import { dayOf, dayText, isOverdue, now } from "./days";
import { setAttribute, setText } from "./dom";
import { neighbour, readingOrder, tileAt, type Direction, type Layout } from "./layout";
import type { Tile } from "./store";
import { doorText, tierText } from "./tiers";

const ARROWS: Record<string, Direction | undefined> = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };
const TIER_KEYS: Record<string, Tier | undefined> = { r: "red", o: "orange", y: "yellow", g: "green" };

/** What a tile says in words: 13栋4单元104，绿色 正常脱贫户，应访7月3日. */
export function tileLabel(tile: Tile): string {
  const today = dayOf(now());
  const due = tile.dueDay === null ? "" : `，应访${dayText(tile.dueDay, today)}${isOverdue(tile.dueDay, today) ? "，已逾期" : ""}`;
  return `${doorText(tile.door)}，${tierText(tile.tier, tile.state)}${due}`;
}

/** The one real button on the wall: it stands over the tile in focus, and so gives a picture a keyboard and a voice. */
export class Cursor {
  private layout: Layout | null = null;
  private order: Tile[] = [];
  private dpr = 1;
  private tile: Tile | null = null;

  constructor(
    private readonly button: HTMLButtonElement,
    private readonly canvas: HTMLCanvasElement,
    private readonly tip: HTMLElement,
    open: (tile: Tile) => void,
  ) {
    button.addEventListener("click", () => this.tile !== null && open(this.tile));
    button.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("click", (event) => {
      const tile = this.under(event);
      if (tile === undefined) return;
      this.move(tile);
      button.focus({ preventScroll: true });
      open(tile);
    });
    canvas.addEventListener("mousemove", (event) => this.hover(this.under(event)));
    canvas.addEventListener("mouseleave", () => this.hover(undefined));
  }

  setLayout(layout: Layout, dpr: number): void {
    this.layout = layout;
    this.dpr = dpr;
    this.order = readingOrder(layout);
    this.hover(undefined);
    const stays = this.tile !== null && this.order.includes(this.tile);
    const next = stays ? this.tile : (this.order.find((tile) => tile.tier === "red") ?? this.order[0] ?? null);
    this.button.hidden = next === null;
    if (next !== null) this.move(next, false);
  }

  /** The tile changed its look; the button says what is true now. */
  refresh(tile: Tile): void {
    if (tile === this.tile) setAttribute(this.button, "aria-label", tileLabel(tile));
  }

  focus(): void {
    this.button.focus();
  }

  private move(tile: Tile, scroll = true): void {
    this.tile = tile;
    const layout = this.layout!;
    const style = this.button.style;
    // Never smaller than 24 by 24 (WCAG 2.5.8), whatever the tile.
    const width = Math.max(24, layout.cellWidth / this.dpr);
    const height = Math.max(24, layout.cellHeight / this.dpr);
    style.width = `${width}px`;
    style.height = `${height}px`;
    style.left = `${(tile.x + layout.cellWidth / 2) / this.dpr - width / 2}px`;
    style.top = `${(tile.y + layout.cellHeight / 2) / this.dpr - height / 2}px`;
    setAttribute(this.button, "aria-label", tileLabel(tile));
    if (scroll) this.button.scrollIntoView({ block: "nearest" });
  }

  private key(event: KeyboardEvent): void {
    const layout = this.layout;
    const tile = this.tile;
    if (layout === null || tile === null || event.ctrlKey || event.altKey || event.metaKey) return;
    const direction = ARROWS[event.key];
    const tier = TIER_KEYS[event.key.toLowerCase()];
    let next: Tile | undefined;
    if (direction !== undefined) next = neighbour(layout, tile, direction);
    else if (tier !== undefined) next = this.nextOf(tier, event.shiftKey ? -1 : 1);
    else if (event.key === "Home") next = this.order[0];
    else if (event.key === "End") next = this.order[this.order.length - 1];
    else if (event.key === "PageDown") next = this.firstOf(tile.block + 1);
    else if (event.key === "PageUp") next = this.firstOf(Math.max(0, tile.block - 1));
    else return;
    event.preventDefault();
    if (next !== undefined) this.move(next);
  }

  private firstOf(block: number): Tile | undefined {
    return this.order.find((tile) => tile.block === block);
  }

  /** The next tile of a colour after this one, around the end. */
  private nextOf(tier: Tier, step: 1 | -1): Tile | undefined {
    const count = this.order.length;
    const from = this.order.indexOf(this.tile!);
    for (let i = 1; i <= count; i++) {
      const tile = this.order[(from + step * i + count * 2) % count]!;
      if (tile.tier === tier) return tile;
    }
    return undefined;
  }

  private under(event: MouseEvent): Tile | undefined {
    return this.layout === null ? undefined : tileAt(this.layout, event.offsetX * this.dpr, event.offsetY * this.dpr);
  }

  private hover(tile: Tile | undefined): void {
    this.canvas.classList.toggle("over", tile !== undefined);
    this.tip.hidden = tile === undefined;
    if (tile === undefined || this.layout === null) return;
    setText(this.tip, tileLabel(tile));
    const x = (tile.x + this.layout.cellWidth / 2) / this.dpr;
    const right = x > this.canvas.clientWidth * 0.7;
    const low = tile.y / this.dpr < 48;
    this.tip.style.left = `${x}px`;
    this.tip.style.top = `${(low ? tile.y + this.layout.cellHeight : tile.y) / this.dpr}px`;
    this.tip.className = `${right ? "right" : ""} ${low ? "low" : ""}`;
  }
}
