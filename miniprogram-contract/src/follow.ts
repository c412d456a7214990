import type { Notices } from "./contract";
import { isFinal, type ApiError } from "./errors";
import { wallFeed, type FeedEvents, type Follower, type WallSource } from "./feed";
import { connectHub, type Hub, type HubOptions, type HubState } from "./hub";
import { rounds } from "./rounds";
import { tileStore, type Tile } from "./store";

// One connection for the whole program, opened with the first who follows something and closed with the last.

/** Where pushes do not arrive, notices are asked for. */
const ASK_EVERY_WITHOUT_HUB = 30_000;

export interface FollowEvents {
  /** `on`: changes arrive at once. Else they arrive all the same, some seconds later. */
  state?(state: HubState): void;
  /** A question was not answered; it will be asked again. */
  failed?(error: ApiError): void;
  /** Nothing is followed any more: signed out (401), or out of reach (403, 404). */
  ended?(error: ApiError): void;
}

export type WallEvents = Partial<FeedEvents> & FollowEvents;

export interface Following {
  stop(): void;
}

export interface Wall extends Following {
  readonly version: string;
  /** Empty until `reshaped` is called for the first time. */
  readonly tiles: readonly Tile[];
  get(id: string): Tile | undefined;
}

export interface NoticeEvents extends FollowEvents {
  /** The newest page of one's notices, after each arrival and each new connection. */
  arrived(notices: Notices): void;
}

export interface Live {
  followWall(source: WallSource, events: WallEvents): Wall;
  followNotices(read: () => Promise<Notices>, events: NoticeEvents): Following;
}

const nothing = () => undefined;
const SILENT = { state: nothing, changed: nothing, reshaped: nothing, painted: nothing, settled: nothing, failed: nothing, ended: nothing };

export function live(open: HubOptions["open"], onWake: (wake: (cut: boolean) => void) => void): Live {
  const followers = new Map<Follower, Required<FollowEvents>>();
  let hub: Hub | null = null;
  let state: HubState = "connecting";

  const each = (tell: (follower: Follower, events: Required<FollowEvents>) => void) => [...followers].forEach(([one, told]) => followers.has(one) && tell(one, told));

  function follow(follower: Follower, events: Required<FollowEvents>): () => void {
    followers.set(follower, events);
    if (hub === null) {
      hub = connectHub({
        open,
        state: (now, error) => {
          state = now;
          each((one, told) => {
            if (error) return refused(one, told, error);
            told.state(now);
            one.hub(now);
          });
        },
        invoked: (target, args) => each((one) => one.invoked(target, args)),
      });
    } else {
      events.state(state);
      follower.hub(state);
    }
    follower.settle();
    return () => leave(follower);
  }

  function leave(follower: Follower): void {
    follower.stop();
    followers.delete(follower);
    if (followers.size > 0 || hub === null) return;
    hub.stop();
    hub = null;
  }

  function refused(follower: Follower, told: Required<FollowEvents>, error: ApiError): void {
    if (!isFinal(error)) return told.failed(error);
    leave(follower);
    told.ended(error);
  }

  onWake((cut) => {
    if (hub !== null) hub.wake(cut);
    // A new connection may take a while; the service can be asked at once.
    each((one) => one.settle());
  });

  return {
    followWall(source, events) {
      const store = tileStore((tile) => tile);
      const told = { ...SILENT, ...events };
      const feed = wallFeed(source, store, { ...told, failed: (error) => refused(feed, told, error) });
      return Object.assign(store, { stop: follow(feed, told) });
    },

    followNotices(read, events) {
      const told = { ...SILENT, ...events };
      const settle = rounds(() =>
        read().then(
          (notices) => {
            if (followers.has(follower)) told.arrived(notices);
          },
          (error) => refused(follower, told, error),
        ),
      );
      const clock = setInterval(() => state !== "on" && settle(), ASK_EVERY_WITHOUT_HUB);
      const follower: Follower = {
        settle,
        hub: (now) => now === "on" && settle(),
        invoked: (target) => target === "noticeArrived" && settle(),
        stop: () => clearInterval(clock),
      };
      return { stop: follow(follower, told) };
    },
  };
}
