import { ApiError, type Problem } from "./errors";
import type { Host, HostAnswer } from "./host";

/** Platforms allow ten requests at once, uploads and downloads included; two are left to the program. */
const MOST_AT_ONCE = 8;
const LIMIT = 15_000;

export interface Outgoing {
  method: string;
  /** Below the base address, with its query. */
  path: string;
  header?: { [name: string]: string };
  body?: unknown;
  /** Ask for the answer in this content type, as bytes. */
  accept?: string | undefined;
  /** Goes before those who wait: sign-in and renewal, which others wait for. */
  urgent?: boolean;
  /** Milliseconds until it counts as unanswered; the wait in the queue does not count. */
  limit?: number | undefined;
}

/** Sends one request and gives the body of a 2xx answer; everything else is an ApiError. */
export type Send = (request: Outgoing) => Promise<unknown>;

export function transport(base: string, host: Host): Send {
  const waiting: (() => void)[] = [];
  let running = 0;

  /** A platform may forget a request (a phone in the background): after the limit it is unanswered, whatever the host still says. */
  const ask = ({ method, path, header = {}, body, accept, limit: timeout = LIMIT }: Outgoing) =>
    new Promise<HostAnswer>((resolve, reject) => {
      const unanswered = () => reject(new ApiError(0));
      const timer = setTimeout(unanswered, timeout);
      host
        .request({
          url: base + path,
          method,
          header: accept ? { ...header, Accept: accept } : header,
          data: JSON.stringify(body) as string | undefined,
          responseType: accept ? "arraybuffer" : "text",
          timeout,
        })
        .then(resolve, unanswered)
        .finally(() => clearTimeout(timer));
    });

  return async (request) => {
    if (running < MOST_AT_ONCE) running++;
    else await new Promise<void>((go) => (request.urgent ? waiting.unshift(go) : waiting.push(go)));
    try {
      const { statusCode, data } = await ask(request);
      if (statusCode >= 200 && statusCode < 300) return data;
      throw new ApiError(statusCode, problemIn(data));
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}

function problemIn(data: unknown): Partial<Problem> {
  if (typeof data !== "object" || data === null) return {};
  // Not `instanceof`: the bytes may come from another realm than this code.
  if (!("byteLength" in data)) return data;
  try {
    // TextDecoder is not to be had; escape turns bytes into what decodeURIComponent reads as UTF-8.
    return JSON.parse(decodeURIComponent(escape(String.fromCharCode(...new Uint8Array(data as ArrayBuffer))))) as Problem;
  } catch {
    return {};
  }
}
