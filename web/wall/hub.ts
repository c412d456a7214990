// A client for one SignalR hub over one WebSocket, JSON protocol, receiving only: handshake, pings, invocations, close.
// Written by hand because the page needs nothing else of the library, and because a host without DOM and fetch can use this very file:
// whoever calls it brings the socket. It keeps trying for ever, with jitter, so that a thousand screens do not come back in one second.

const END = "\u001e";
const PING_EVERY = 15_000;
const SILENT_AFTER = 30_000;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
/** A connection that ends sooner than this does not count as a success: a server that accepts and drops must not be called in a tight loop. */
const PROVEN_AFTER = 10_000;

export interface HubSocket {
  send(text: string): void;
  close(): void;
}

export interface HubSocketEvents {
  opened(): void;
  message(text: string): void;
  closed(): void;
}

export type HubState = "connecting" | "on" | "waiting" | "ended";

export interface HubOptions {
  /** Opens one connection. Called anew for each, so that each gets its own ticket. */
  open(events: HubSocketEvents): Promise<HubSocket>;
  /** True when a failure of `open` is final, for instance because the session has ended. */
  isFinal(error: unknown): boolean;
  /** `again` tells a re-opened connection from the first one. */
  state(state: HubState, again: boolean): void;
  /** What the server calls. An exception in it is the caller's own affair: it must not kill the connection. */
  invoked(target: string, args: unknown[]): void;
  random?: () => number;
}

export interface Hub {
  /** Connects now instead of after the wait: the network is back, the page is visible again. */
  kick(): void;
  stop(): void;
}

interface Frame {
  type?: number;
  target?: string;
  arguments?: unknown[];
  error?: string;
}

export function connectHub(options: HubOptions): Hub {
  const random = options.random ?? Math.random;
  let socket: HubSocket | null = null;
  let generation = 0;
  let failures = 0;
  let onSince = 0;
  let everOn = false;
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
    old?.close();
  }

  function wait(): void {
    drop();
    if (stopped) return;
    if (onSince !== 0 && Date.now() - onSince >= PROVEN_AFTER) failures = 0;
    onSince = 0;
    const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** failures++);
    options.state("waiting", everOn);
    retry = setTimeout(() => void connect(), longest * (0.5 + random() / 2));
  }

  function heard(): void {
    clearTimeout(silence);
    silence = setTimeout(wait, SILENT_AFTER);
  }

  function take(frame: Frame): void {
    if (frame.type === 1 && typeof frame.target === "string") options.invoked(frame.target, frame.arguments ?? []);
    else if (frame.type === 7) wait(); // a close without leave to reconnect is no reason to stay dark either
  }

  async function connect(): Promise<void> {
    drop();
    const mine = generation;
    let shaken = false;
    options.state("connecting", everOn);
    heard(); // also bounds a connection that never opens
    try {
      const opened = await options.open({
        opened: () => {
          if (mine === generation) socket?.send(`{"protocol":"json","version":1}${END}`);
        },
        message: (text) => {
          if (mine !== generation) return;
          heard();
          for (const record of text.split(END)) {
            if (record === "" || mine !== generation) continue;
            const frame = JSON.parse(record) as Frame;
            if (shaken) {
              take(frame);
              continue;
            }
            if (frame.error !== undefined) {
              wait();
              return;
            }
            shaken = true;
            onSince = Date.now();
            ping = setInterval(() => socket?.send(`{"type":6}${END}`), PING_EVERY);
            options.state("on", everOn);
            everOn = true;
          }
        },
        closed: () => {
          if (mine === generation) wait();
        },
      });
      if (mine === generation) socket = opened;
      else opened.close();
    } catch (error) {
      if (mine !== generation) return;
      if (options.isFinal(error)) {
        stopped = true;
        drop();
        options.state("ended", everOn);
      } else wait();
    }
  }

  void connect();
  return {
    kick: () => {
      if (stopped || socket !== null) return;
      failures = 0;
      void connect();
    },
    stop: () => {
      stopped = true;
      drop();
    },
  };
}

/** The browser's socket. `opened` cannot fire before the caller holds the socket: events are delivered from the event loop. */
export function browserSocket(url: string, events: HubSocketEvents): HubSocket {
  const ws = new WebSocket(url);
  ws.onopen = () => events.opened();
  ws.onmessage = (event) => events.message(String(event.data));
  ws.onclose = () => events.closed();
  return {
    send: (text) => {
      if (ws.readyState === WebSocket.OPEN) ws.send(text);
    },
    close: () => ws.close(),
  };
}
