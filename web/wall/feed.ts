import { webSocket } from "../../miniprogram-contract/src/browser";
import { isFinal, type ApiError } from "../../miniprogram-contract/src/errors";
import { connectHub, type HubState } from "../../miniprogram-contract/src/hub";
import { wallFeed, type FeedEvents } from "../../miniprogram-contract/src/feed";
import { get, post } from "./api";
import type { CreateTicketResponse, WallAnswer, WallChanges } from "./contract";
import type { Store, Tile } from "./store";

export interface PageEvents extends Omit<FeedEvents<Tile>, "failed"> {
  hub(state: HubState): void;
  /** Signed out, or the place is out of reach now: only a person can open the wall again. */
  ended(error: ApiError): void;
}

export interface Feed {
  /** The network is back or the page is seen again: ask now. */
  wake(): void;
}

/** Loads the wall, then keeps it true by hub and change feed: the package's own, with the page's cookie. Throws what the first load throws. */
export async function openFeed(nodeId: string, store: Store, events: PageEvents): Promise<Feed> {
  const wall = `/grid-nodes/${nodeId}/wall`;
  const feed = wallFeed(
    { wall: () => get<WallAnswer>(wall, true), changes: (after) => get<WallChanges>(`${wall}/changes?after=${encodeURIComponent(after)}`, true) },
    store,
    { ...events, failed: refused },
  );
  await feed.start();
  const hub = connectHub({
    open: async (told) => {
      const { ticket } = await post<CreateTicketResponse>("/tickets", { purpose: "hub" });
      return webSocket(WebSocket, `${location.origin.replace(/^http/, "ws")}/hubs/live?ticket=${encodeURIComponent(ticket)}`, told);
    },
    state: (state, error) => {
      if (error) return refused(error);
      events.hub(state);
      feed.hub(state);
    },
    invoked: (target, args) => feed.invoked(target, args),
  });
  function refused(error: ApiError): void {
    if (!isFinal(error)) return;
    feed.stop();
    hub.stop();
    events.ended(error);
  }

  return {
    wake: () => {
      hub.wake(false);
      feed.settle();
    },
  };
}
