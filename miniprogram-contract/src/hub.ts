import { isFinal, type ApiError } from "./errors";
import type { HostSocket, HostSocketEvents } from "./host";

// A client for one SignalR hub over one WebSocket, JSON protocol, receiving only: handshake, pings, invocations, close. Written by hand because
// the library needs what a mini-program does not have, and nobody here calls the hub. It keeps trying for ever, with jitter, so that a thousand
// phones and screens do not come back in one second.

/** Ends each record of the protocol; one frame may hold several. */
const END = "\u001e";
const PING_EVERY = 15_000;
const SILENT_AFTER = 30_000;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
/** A connection that ends sooner than this does not count as a success: a server that accepts and drops must not be called in a tight loop. */
const PROVEN_AFTER = 10_000;

export type HubState = "connecting" | "on" | "waiting" | "ended";

export interface HubOptions {
  /**
   * Opens one connection. Called anew for each, so that each gets its own token or ticket. `refused` tells that the one before ended without a
   * handshake: a platform does not say why, and it may have been a 401.
   */
  open(events: HostSocketEvents, refused: boolean): Promise<HostSocket>;
  /** `ended`: `open` failed in a way that another try does not mend, with this error. */
  state(state: HubState, error?: ApiError): void;
  /** What the server calls. */
  invoked(target: string, args: unknown[]): void;
}

export interface Hub {
  /** Connects now instead of after the wait. `cut`: also when a connection seems to be open, because it cannot be trusted any more. */
  wake(cut: boolean): void;
  stop(): void;
}

interface Frame {
  type?: number;
  target?: string;
  arguments?: unknown[];
  error?: string;
}

export function connectHub(options: HubOptions): Hub {
  let socket: HostSocket | null = null;
  let generation = 0;
  let failures = 0;
  let onSince = 0;
  let refused = false;
  let stopped = false;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let ping: ReturnType<typeof setInterval> | undefined;
  let silence: ReturnType<typeof setTimeout> | undefined;

  function drop(): void {
    generation++; // whatever the old connection still says is not heard
    clearTimeout(retry);
    clearInterval(ping);
    clearTimeout(silence);
    const old = socket;
    socket = null;
    if (old !== null) old.close();
  }

  function wait(): void {
    drop();
    if (stopped) return;
    refused = onSince === 0;
    if (!refused && Date.now() - onSince >= PROVEN_AFTER) failures = 0;
    const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** failures++);
    options.state("waiting");
    // The listener may have stopped it.
    if (!stopped) retry = setTimeout(connect, longest * (0.5 + Math.random() / 2));
  }

  function heard(): void {
    clearTimeout(silence);
    silence = setTimeout(wait, SILENT_AFTER);
  }

  function shaken(): void {
    onSince = Date.now();
    ping = setInterval(() => socket && socket.send(`{"type":6}${END}`), PING_EVERY);
    options.state("on");
  }

  function take(record: string): void {
    const frame = JSON.parse(record) as Frame;
    if (onSince === 0) {
      if (frame.error) wait();
      else shaken();
    } else if (frame.type === 1) options.invoked(frame.target || "", frame.arguments || []);
    else if (frame.type === 7) wait(); // a close without leave to reconnect is no reason to stay dark either
  }

  function connect(): void {
    drop();
    const mine = generation;
    let open = false;
    onSince = 0;
    options.state("connecting");
    if (mine !== generation) return;
    heard(); // also bounds a connection that never opens
    const shake = () => {
      // Which comes first, the socket or the word that it is open, differs from platform to platform.
      if (open && socket !== null) socket.send(`{"protocol":"json","version":1}${END}`);
    };
    const events: HostSocketEvents = {
      opened: () => {
        if (mine !== generation || open) return;
        open = true;
        shake();
      },
      message: (text) => {
        if (mine !== generation) return;
        heard();
        for (const record of text.split(END)) if (record !== "" && mine === generation) take(record);
      },
      closed: () => {
        if (mine === generation) wait();
      },
    };
    const opened = (made: HostSocket) => {
      if (mine !== generation) return made.close();
      socket = made;
      shake();
    };
    const failed = (error: unknown) => {
      if (mine !== generation) return;
      if (!isFinal(error)) return wait();
      stopped = true;
      drop();
      options.state("ended", error);
    };
    options.open(events, refused).then(opened).catch(failed);
  }

  connect();
  return {
    wake: (cut) => {
      if (stopped || (socket !== null && !cut)) return;
      failures = 0;
      connect();
    },
    stop: () => {
      stopped = true;
      drop();
    },
  };
}
