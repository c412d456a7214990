// The page's own counter: how many frames a second it painted while something moved, for whoever wonders whether a screen keeps up.

/** A pause longer than this is not a slow frame: nothing moved. */
const PAUSE = 500;

export class Frames {
  private from = 0;
  private last = 0;
  private count = 0;
  private worst = 0;

  /** Writes `data-fps` (frames a second, one decimal) and `data-worst` (longest wait for a frame, in ms) once a second of movement. */
  constructor(private readonly element: HTMLElement) {}

  painted(time: number): void {
    if (time - this.last > PAUSE) this.begin(time);
    else {
      this.count++;
      this.worst = Math.max(this.worst, time - this.last);
    }
    this.last = time;
    if (time - this.from < 1000) return;
    this.element.dataset.fps = ((this.count * 1000) / (time - this.from)).toFixed(1);
    this.element.dataset.worst = this.worst.toFixed(0);
    this.begin(time);
  }

  private begin(time: number): void {
    this.from = time;
    this.count = 0;
    this.worst = 0;
  }
}
