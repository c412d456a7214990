// A wall hangs in a hall for weeks and nobody presses F5. It reloads itself when it is dead, and once a night to take up a new release,
// but only after the server has answered for the page: a wall that reloads into a browser's error page never comes back.

const TICK = 15_000;
/** The service answers, and yet the wall has not agreed with the store for so long. */
const STUCK_AFTER = 3 * 60_000;
/** Errors in the page itself since the last good settle. */
const MOST_ERRORS = 5;
const NIGHT_HOUR = "04";

export interface Vital {
  /** Milliseconds of a monotonic clock. */
  now(): number;
  /** `HH:mm:ss` in Shanghai. */
  time(): string;
  /** Whether somebody is using the page just now (a household or the list is open). */
  busy(): boolean;
  /** True when the server has this page ready. */
  reachable(): Promise<boolean>;
  reload(): void;
}

export class Watchdog {
  private settledAt: number;
  private readonly startedAt: number;
  private errors = 0;
  private asking = false;

  constructor(private readonly vital: Vital) {
    this.startedAt = this.settledAt = vital.now();
  }

  start(): void {
    setInterval(() => void this.tick(), TICK);
  }

  settled(): void {
    this.settledAt = this.vital.now();
    this.errors = 0;
  }

  failed(): void {
    this.errors++;
  }

  async tick(): Promise<void> {
    if (this.asking) return;
    const now = this.vital.now();
    const dead = now - this.settledAt > STUCK_AFTER || this.errors >= MOST_ERRORS;
    const night = now - this.startedAt > 12 * 3600_000 && this.vital.time().startsWith(NIGHT_HOUR) && !this.vital.busy();
    if (!dead && !night) return;
    this.asking = true;
    try {
      if (await this.vital.reachable()) this.vital.reload();
    } finally {
      this.asking = false;
    }
  }
}
