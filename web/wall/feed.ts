import { get, HttpError, OfflineError, isEnded, post } from "./api";
import type { TilesChanged, WallAnswer, WallChanges } from "./contract";
import { browserSocket, connectHub, type Hub, type HubState } from "./hub";
import type { Changed, Store } from "./store";

// The hub is a hint; the store is the truth (RL07). A message paints at once and asks the change feed; every new connection asks it too,
// and so does a slow clock, because a socket can be silent without being closed.

const SETTLE_EVERY = 60_000;
const SETTLE_EVERY_WITHOUT_HUB = 10_000;
/** Messages of one burst share one question. */
const SETTLE_AFTER_HINT = 120;

export interface FeedEvents {
  changed: Changed;
  /** Tiles came, went or moved, or the wall was loaded anew. */
  reshaped(): void;
  /** Something on the wall may look different now. */
  painted(): void;
  /** The wall agrees with the store as of now. */
  settled(): void;
  hub(state: HubState): void;
  /** 401: the session is over, and only a person can open a new one. */
  ended(): void;
  /** 404: the place is out of reach now. */
  gone(): void;
}

export class Feed {
  private hub: Hub | null = null;
  private hubOn = false;
  private asking = false;
  private askAgain = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private dueAt = 0;
  private over = false;

  constructor(private readonly nodeId: string, private readonly store: Store, private readonly events: FeedEvents) {}

  /** Loads the wall, then goes live. Throws what the first load throws. */
  async start(): Promise<void> {
    await this.load();
    this.hub = connectHub({
      open: async (events) => {
        const { ticket } = await post<{ ticket: string }>("/tickets", { purpose: "hub" });
        const origin = location.origin.replace(/^http/, "ws");
        return browserSocket(`${origin}/hubs/live?ticket=${encodeURIComponent(ticket)}`, events);
      },
      isFinal: isEnded,
      state: (state) => {
        if (state === "ended") return this.end();
        this.hubOn = state === "on";
        this.events.hub(state);
        // What happened between the load (or the cut) and now came over no connection of ours.
        if (state === "on") this.settle();
        else this.plan(SETTLE_EVERY_WITHOUT_HUB);
      },
      invoked: (target, args) => {
        if (target === "tilesChanged") {
          this.store.hint(args[0] as TilesChanged, this.events.changed);
          this.events.painted();
          this.plan(SETTLE_AFTER_HINT);
        } else if (target === "resync") this.settle();
      },
    });
  }

  /** The network is back or the page is seen again: ask now. */
  wake(): void {
    if (this.over) return;
    this.hub?.kick();
    this.settle();
  }

  /** Asks the change feed until it has nothing more; calls while it runs are one more round. */
  settle(): void {
    if (this.over) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.asking) {
      this.askAgain = true;
      return;
    }
    this.asking = true;
    void this.ask().finally(() => {
      this.asking = false;
      if (this.askAgain) {
        this.askAgain = false;
        this.settle();
      } else this.plan(this.hubOn ? SETTLE_EVERY : SETTLE_EVERY_WITHOUT_HUB);
    });
  }

  private async ask(): Promise<void> {
    try {
      for (let more = true; more && !this.over; ) {
        const answer = await get<WallChanges>(`/grid-nodes/${this.nodeId}/wall/changes?after=${encodeURIComponent(this.store.version)}`, true);
        const outcome = this.store.settle(answer, this.events.changed);
        if (outcome === "reload") await this.load();
        else if (outcome === "reshaped") this.events.reshaped();
        else this.events.painted();
        more = answer.more === true && outcome !== "reload";
      }
      this.events.settled();
    } catch (error) {
      if (error instanceof HttpError && error.status === 410) await this.reload();
      else this.failed(error);
    }
  }

  /** The wall is older than the history (or of another epoch): what is missing can only be had whole. */
  private async reload(): Promise<void> {
    try {
      await this.load();
    } catch (error) {
      this.failed(error);
    }
  }

  private async load(): Promise<void> {
    const wall = await get<WallAnswer>(`/grid-nodes/${this.nodeId}/wall`, true);
    this.store.replace(wall, this.events.changed);
    this.events.reshaped();
    this.events.settled();
  }

  private failed(error: unknown): void {
    if (isEnded(error)) this.end();
    else if (error instanceof HttpError && error.status === 404) {
      this.stop();
      this.events.gone();
    } else if (!(error instanceof HttpError || error instanceof OfflineError)) throw error;
  }

  private end(): void {
    if (this.over) return;
    this.stop();
    this.events.ended();
  }

  private stop(): void {
    this.over = true;
    clearTimeout(this.timer);
    this.hub?.stop();
  }

  /** The nearer of two plans wins: a stream of hints must not push the question ahead of itself. */
  private plan(delay: number): void {
    if (this.over) return;
    const at = performance.now() + delay;
    if (this.timer !== undefined && this.dueAt <= at) return;
    clearTimeout(this.timer);
    this.dueAt = at;
    this.timer = setTimeout(() => this.settle(), delay);
  }
}
