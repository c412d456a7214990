import { learnServerTime } from "./days";

/** An answer that is not 2xx; `code` is the stable code of the problem document. */
export class HttpError extends Error {
  constructor(readonly status: number, readonly code: string, title: string) {
    super(title);
  }
}

/** No answer at all: cable, proxy or service down, or too slow. */
export class OfflineError extends Error {}

const BASE = "/api/v1";
const TIMEOUT = 15_000;

let lastAnswer = Date.now();

/** When the service last answered anything, in this machine's own time. */
export function lastAnswerAt(): number {
  return lastAnswer;
}

async function send(method: string, path: string, body: unknown, fresh: boolean): Promise<unknown> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), TIMEOUT);
  try {
    const init: RequestInit = { method, credentials: "same-origin", signal: abort.signal, headers: { Accept: "application/json" } };
    if (fresh) init.cache = "no-cache";
    if (body !== undefined) {
      init.headers = { Accept: "application/json", "Content-Type": "application/json" };
      init.body = JSON.stringify(body);
    }
    const response = await fetch(BASE + path, init);
    const text = await response.text();
    lastAnswer = Date.now();
    learnServerTime(response.headers.get("Date"));
    if (response.ok) return text === "" ? null : JSON.parse(text);
    let problem: { code?: string; title?: string } = {};
    try {
      problem = JSON.parse(text) as typeof problem;
    } catch {
      // A proxy's own error page: the status is all there is.
    }
    // 502 to 504 come from something in front of a service that is away: for the page that is the same as no answer.
    if (response.status >= 502 && response.status <= 504) throw new OfflineError();
    throw new HttpError(response.status, problem.code ?? "", problem.title ?? `HTTP ${response.status}`);
  } catch (error) {
    throw error instanceof HttpError ? error : new OfflineError();
  } finally {
    clearTimeout(timer);
  }
}

/** `fresh` asks the browser's cache to check with the server first (a 304 costs the server nothing). */
export async function get<T>(path: string, fresh = false): Promise<T> {
  return (await send("GET", path, undefined, fresh)) as T;
}

export async function post<T>(path: string, body: unknown): Promise<T> {
  return (await send("POST", path, body, false)) as T;
}

export function isEnded(error: unknown): boolean {
  return error instanceof HttpError && error.status === 401;
}
