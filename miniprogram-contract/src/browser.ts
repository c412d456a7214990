import type { Host, HostSocket, HostSocketEvents } from "./host";

// A browser or Node. Its globals are handed in, so that nothing here depends on which of the two it is.

/** `globalThis` of a browser, or of Node 22; Node 20 takes `WebSocket` from the package `ws`. */
export interface Web {
  fetch(url: string, init: object): Promise<{ status: number; text(): Promise<string>; arrayBuffer(): Promise<ArrayBuffer> }>;
  WebSocket: new (url: string) => WebSocketLike;
  localStorage?: { getItem(key: string): string | null; setItem(key: string, text: string): void };
  addEventListener?(name: string, listener: () => void): void;
}

interface WebSocketLike {
  readonly readyState: number;
  onopen: unknown;
  onmessage: unknown;
  onclose: unknown;
  onerror: unknown;
  send(text: string): void;
  close(): void;
}

const OPEN = 1;

export function webSocket(make: Web["WebSocket"], url: string, events: HostSocketEvents): HostSocket {
  const socket = new make(url);
  socket.onopen = () => events.opened();
  socket.onmessage = (event: { data: unknown }) => events.message(String(event.data));
  socket.onclose = () => events.closed();
  socket.onerror = () => events.closed();
  return {
    send: (text) => {
      if (socket.readyState === OPEN) socket.send(text);
    },
    close: () => socket.close(),
  };
}

/** @param login Where a code for the session comes from; without it the browser's own cookie says who calls. */
export function browserHost(web: Web, login?: () => Promise<{ code: string }>): Host {
  const memory: { [key: string]: string } = {};
  const host: Host = {
    socketHeaders: false,
    async request({ url, method, header, data, responseType }) {
      const answer = await web.fetch(url, { method, headers: { ...header, "Content-Type": "application/json" }, body: data, credentials: "same-origin" });
      const statusCode = answer.status;
      if (responseType === "arraybuffer") return { statusCode, data: await answer.arrayBuffer() };
      const text = await answer.text();
      try {
        return { statusCode, data: JSON.parse(text) as unknown };
      } catch {
        return { statusCode, data: text };
      }
    },
    openSocket: (url, _header, events) => webSocket(web.WebSocket, url, events),
    read: (key) => (web.localStorage ? web.localStorage.getItem(key) || "" : memory[key] || ""),
    write: (key, text) => {
      if (web.localStorage) web.localStorage.setItem(key, text);
      else memory[key] = text;
    },
    onWake: (wake) => {
      if (!web.addEventListener) return;
      web.addEventListener("online", () => wake(true));
      web.addEventListener("pageshow", () => wake(false));
    },
  };
  return login === undefined ? host : { ...host, login };
}
