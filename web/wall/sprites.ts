import type { Tier, TierState } from "./contract";
import { BACKGROUND, FILL, INK, SEVERITY } from "./tiers";

// A tile has few looks (tier × special state × overdue), so each is drawn once per size and copied from then on.

const RING = "#f4f8fb";
const EDGE: Partial<Record<Tier, string>> = { red: "#ff6a5e" };
/** How strongly an exception shines over its neighbours. Green and yellow do not. */
const GLOW: Partial<Record<Tier, { colour: string; strength: number }>> = {
  red: { colour: "255,52,40", strength: 0.85 },
  orange: { colour: "226,138,62", strength: 0.3 },
};
/** How far, in parts of the shorter side: less than the free space around a building, so that no shine is cut off. */
const REACH = 0.5;

/** Provisional red and unassessed yellow: the colour stands, a person's word is still missing. */
export function isOpen(state: TierState): boolean {
  return state === "provisional" || state === "unassessed";
}

function roundedPath(c: CanvasRenderingContext2D, x: number, y: number, w: number, h: number, r: number): void {
  c.beginPath();
  c.moveTo(x + r, y);
  c.arcTo(x + w, y, x + w, y + h, r);
  c.arcTo(x + w, y + h, x, y + h, r);
  c.arcTo(x, y + h, x, y, r);
  c.arcTo(x, y, x + w, y, r);
  c.closePath();
}

function glyphPath(c: CanvasRenderingContext2D, tier: Tier, x: number, y: number, size: number): void {
  const r = size / 2;
  c.beginPath();
  if (tier === "red") {
    c.moveTo(x, y - r * 0.92);
    c.lineTo(x + r, y + r * 0.78);
    c.lineTo(x - r, y + r * 0.78);
  } else if (tier === "orange") {
    c.moveTo(x, y - r);
    c.lineTo(x + r * 0.86, y);
    c.lineTo(x, y + r);
    c.lineTo(x - r * 0.86, y);
  } else {
    c.rect(x - r, y - r * 0.3, size, r * 0.6);
  }
  c.closePath();
}

/** One tile with the upper left corner at x, y. */
export function drawTile(
  c: CanvasRenderingContext2D, x: number, y: number, w: number, h: number, tier: Tier, open: boolean, overdue: boolean,
): void {
  const side = Math.min(w, h);
  const line = Math.max(1, Math.round(side * 0.07));
  c.save();
  c.clearRect(x, y, w, h);
  if (overdue) {
    c.lineWidth = line;
    c.strokeStyle = RING;
    roundedPath(c, x + line / 2, y + line / 2, w - line, h - line, side * 0.2);
    c.stroke();
    const inset = line * 2;
    x += inset;
    y += inset;
    w -= inset * 2;
    h -= inset * 2;
  }
  const round = Math.min(w, h) * 0.16;
  c.fillStyle = FILL[tier];
  roundedPath(c, x, y, w, h, round);
  c.fill();
  const edge = EDGE[tier];
  if (open) {
    // Dotted edge and hollow glyph: told apart by form, also in grey print.
    c.lineWidth = line;
    c.strokeStyle = tier === "red" ? "#ffffff" : BACKGROUND;
    c.setLineDash([line * 1.6, line * 1.6]);
    roundedPath(c, x + line, y + line, w - line * 2, h - line * 2, round);
    c.stroke();
    c.setLineDash([]);
  } else if (edge !== undefined) {
    c.lineWidth = Math.max(1, line * 0.75);
    c.strokeStyle = edge;
    roundedPath(c, x + c.lineWidth / 2, y + c.lineWidth / 2, w - c.lineWidth, h - c.lineWidth, round);
    c.stroke();
  }
  if (tier !== "green") {
    glyphPath(c, tier, x + w / 2, y + h / 2, Math.min(w, h) * (open ? 0.46 : 0.56));
    if (open) {
      c.lineWidth = Math.max(1, line * 0.9);
      c.strokeStyle = INK[tier];
      c.lineJoin = "miter";
      c.stroke();
    } else {
      c.fillStyle = INK[tier];
      c.fill();
    }
  }
  c.restore();
}

type Sprite = ImageBitmap | HTMLCanvasElement;

/** A picture that nobody draws on any more: copied fifteen times faster than a canvas, which the browser must take for one that may still change. */
function picture(width: number, height: number, draw: (c: CanvasRenderingContext2D) => void): Sprite {
  if (typeof OffscreenCanvas === "undefined") {
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    draw(canvas.getContext("2d")!);
    return canvas;
  }
  const canvas = new OffscreenCanvas(width, height);
  // What is drawn here with is the same on both kinds of context.
  draw(canvas.getContext("2d") as unknown as CanvasRenderingContext2D);
  return canvas.transferToImageBitmap();
}

/** All looks of one size; the painter copies from them. */
export class Sprites {
  private readonly tiles: Sprite[] = [];
  private readonly shines = new Map<Tier, Sprite>();
  private readonly reach: number;

  constructor(private readonly w: number, private readonly h: number) {
    for (const tier of ["green", "yellow", "orange", "red"] as const) {
      for (let look = 0; look < 4; look++) {
        this.tiles[SEVERITY[tier] * 4 + look] = picture(w, h, (c) => drawTile(c, 0, 0, w, h, tier, (look & 1) !== 0, (look & 2) !== 0));
      }
    }
    this.reach = Math.floor(Math.min(w, h) * REACH);
    for (const tier of ["orange", "red"] as const) this.shines.set(tier, picture(w + this.reach * 2, h + this.reach * 2, (c) => this.glow(c, tier)));
  }

  /** A soft rectangle: the light of a tile, not of a lamp behind it. */
  private glow(c: CanvasRenderingContext2D, tier: Tier): void {
    const { colour, strength } = GLOW[tier]!;
    const steps = Math.max(1, Math.min(10, this.reach));
    for (let step = 0; step < steps; step++) {
      // Frames laid over each other add up towards the tile; few enough that rounding does not eat the colour.
      const inset = (this.reach * step) / steps;
      c.fillStyle = `rgba(${colour},${(strength * 2 * (step + 1)) / (steps * (steps + 1))})`;
      const round = Math.min(this.w, this.h) * 0.16 + this.reach - inset;
      roundedPath(c, inset, inset, this.w + (this.reach - inset) * 2, this.h + (this.reach - inset) * 2, round);
      c.fill();
    }
  }

  tile(c: CanvasRenderingContext2D, x: number, y: number, tier: Tier, open: boolean, overdue: boolean): void {
    c.drawImage(this.tiles[SEVERITY[tier] * 4 + (open ? 1 : 0) + (overdue ? 2 : 0)]!, x, y);
  }

  shine(c: CanvasRenderingContext2D, x: number, y: number, tier: Tier): void {
    const shine = this.shines.get(tier);
    if (shine !== undefined) c.drawImage(shine, x - this.reach, y - this.reach);
  }
}
