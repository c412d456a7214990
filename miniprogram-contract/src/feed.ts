import type { TilesChanged, WallAnswer, WallChanges } from "./contract";
import { ApiError } from "./errors";
import type { HubState } from "./hub";
import { rounds } from "./rounds";
import type { Changed, Tile, TileStore } from "./store";

// The hub is a hint; the store of the service is the truth (RL07). A message paints at once and asks the change feed; every new connection asks
// it too, and so does a slow clock, because a socket can be silent without being closed.

const SETTLE_EVERY = 60_000;
const SETTLE_EVERY_WITHOUT_HUB = 10_000;
/** Messages of one burst share one question. */
const SETTLE_AFTER_HINT = 120;

export interface WallSource {
  wall(): Promise<WallAnswer>;
  changes(after: string): Promise<WallChanges>;
}

export interface FeedEvents<T extends Tile = Tile> {
  changed: Changed<T>;
  /** Tiles came, went or moved, or the wall was loaded anew. */
  reshaped(): void;
  /** Something on the wall may look different now. */
  painted(): void;
  /** The wall agrees with the service as of now. */
  settled(): void;
  /** A question was refused or not answered; it will be asked again, until the stop. */
  failed(error: ApiError): void;
}

/** Something that follows the service. Whoever owns the connection passes on what it says. */
export interface Follower {
  /** Asks the service, now. */
  settle(): void;
  hub(state: HubState): void;
  invoked(target: string, args: unknown[]): void;
  stop(): void;
}

/** Keeps one wall true. */
export interface WallFeed extends Follower {
  /** Loads the wall and throws where that fails; without it the first `settle` loads, and troubles are waited out. */
  start(): Promise<void>;
}

export function wallFeed<T extends Tile = Tile>(source: WallSource, store: TileStore<T>, events: FeedEvents<T>): WallFeed {
  let on = false;
  let loaded = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let dueAt = 0;
  let over = false;

  async function load(): Promise<void> {
    const wall = await source.wall();
    if (over) return;
    store.replace(wall, events.changed);
    loaded = true;
    events.reshaped();
    events.settled();
  }

  async function changes(): Promise<void> {
    for (let more = true; more; ) {
      const answer = await source.changes(store.version);
      if (over) return;
      const outcome = store.settle(answer, events.changed);
      if (outcome === "reload") return load();
      if (outcome === "reshaped") events.reshaped();
      else events.painted();
      more = answer.more;
    }
    events.settled();
  }

  const settle = rounds(async () => {
    if (over) return;
    clearTimeout(timer);
    timer = undefined;
    try {
      if (!loaded) await load();
      // Older than the history, or of another epoch: what is missing can only be had whole.
      await changes().catch((error) => (error.status === 410 ? load() : Promise.reject(error)));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (!over) events.failed(error);
    } finally {
      plan(on ? SETTLE_EVERY : SETTLE_EVERY_WITHOUT_HUB);
    }
  });

  /** The nearer of two plans wins: a stream of hints must not push the question ahead of itself. */
  function plan(delay: number): void {
    if (over) return;
    const at = Date.now() + delay;
    if (timer !== undefined && dueAt <= at) return;
    clearTimeout(timer);
    dueAt = at;
    timer = setTimeout(settle, delay);
  }

  return {
    start: async () => {
      await load();
      settle();
    },
    settle,
    hub: (state) => {
      on = state === "on";
      // What happened between the load (or the cut) and now came over no connection of ours.
      if (on) settle();
      else plan(SETTLE_EVERY_WITHOUT_HUB);
    },
    invoked: (target, args) => {
      if (target === "resync") settle();
      if (target !== "tilesChanged") return;
      store.hint(args[0] as TilesChanged, events.changed);
      events.painted();
      plan(SETTLE_AFTER_HINT);
    },
    stop: () => {
      over = true;
      clearTimeout(timer);
    },
  };
}
