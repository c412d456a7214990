// What the client needs of its place: a mini-program platform, a browser, Node. Adapters are in hosts/ and browser.ts.

/** In the words of wx.request. */
export interface HostRequest {
  url: string;
  method: string;
  header: { [name: string]: string };
  /** JSON text, to be sent as such: platforms say `Content-Type: application/json` by themselves. */
  data: string | undefined;
  responseType: "text" | "arraybuffer";
  /** Milliseconds after which the host gives up. */
  timeout: number;
}

export interface HostAnswer {
  statusCode: number;
  /** Parsed JSON, or text that is no JSON, or an ArrayBuffer where that was asked for. */
  data: unknown;
}

export interface HostSocket {
  send(text: string): void;
  close(): void;
}

/** Each may be called more than once, and in any order: what comes after an end is not heard. */
export interface HostSocketEvents {
  opened(): void;
  message(text: string): void;
  closed(): void;
}

export interface Host {
  /** Resolves with any status; rejects when there was no answer. */
  request(request: HostRequest): Promise<HostAnswer>;
  openSocket(url: string, header: { [name: string]: string }, events: HostSocketEvents): HostSocket | Promise<HostSocket>;
  /** True where a socket's request can carry headers; elsewhere a single-use ticket in the address opens it. */
  readonly socketHeaders: boolean;
  /** A fresh code of wx.login. Absent where nobody can be signed in silently: a browser has its cookie, or is signed in by other means. */
  login?(): Promise<{ code: string }>;
  read(key: string): string;
  write(key: string, text: string): void;
  /** Tells when the network may be another one or back, or the program is in front again. `cut`: no open connection can be trusted any more. */
  onWake(wake: (cut: boolean) => void): void;
}
