import { ApiError, type Problem } from "../../miniprogram-contract/src/errors";
import { learnServerTime } from "./days";

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
  let response: Response;
  let text: string;
  try {
    const init: RequestInit = { method, credentials: "same-origin", signal: abort.signal, headers: { Accept: "application/json" } };
    if (fresh) init.cache = "no-cache";
    if (body !== undefined) {
      init.headers = { Accept: "application/json", "Content-Type": "application/json" };
      init.body = JSON.stringify(body);
    }
    response = await fetch(BASE + path, init);
    text = await response.text();
  } catch {
    throw new ApiError(0);
  } finally {
    clearTimeout(timer);
  }
  lastAnswer = Date.now();
  learnServerTime(response.headers.get("Date"));
  if (response.status === 204) return null;
  let content: unknown = {};
  try {
    content = JSON.parse(text);
  } catch {
    // A proxy's own page: the status is all there is.
    if (response.ok) throw new ApiError(0);
  }
  if (response.ok) return content;
  throw new ApiError(response.status, content as Partial<Problem>);
}

/** `fresh` asks the browser's cache to check with the server first (a 304 costs the server nothing). */
export async function get<T>(path: string, fresh = false): Promise<T> {
  return (await send("GET", path, undefined, fresh)) as T;
}

export async function post<T>(path: string, body: unknown): Promise<T> {
  return (await send("POST", path, body, false)) as T;
}

/** 401: the session is over, and only a person can open a new one. */
export function isEnded(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}

/** The service answered, and refused: unlike a network that is away, asking again brings the same. */
export function isRefused(error: unknown): error is ApiError {
  return error instanceof ApiError && error.code !== "unreachable";
}
