import type { Schemas } from "./contract";

export type Problem = Schemas["Problem"];
/** The codes of the contract, and one for "no answer at all": no network, service away, or too slow. */
export type ErrorCode = Problem["code"] | "unreachable";

/** Whatever goes wrong, ready to be shown: `title` and `detail` are Chinese sentences. Programs switch on `code`. */
export class ApiError extends Error {
  declare readonly code: ErrorCode;
  declare readonly title: string;
  declare readonly detail: string;
  declare readonly traceId: string;
  /** By member of the request, in camelCase: what is wrong with it. */
  declare readonly errors: { [member: string]: string[] };
  /** Of `account_not_bound`, `binding_waiting` and `account_moved`: what a binding needs, for ten minutes. */
  declare readonly bindingTicket?: string;

  /** @param status The answer's status; 0 when there was none. */
  constructor(readonly status: number, problem: Partial<Problem> = {}) {
    // A proxy in front of a service that is away answers 502 to 504 in words of its own: to the caller that is the same as no answer.
    const away = status === 0 || status > 501;
    const title = problem.title || (away ? "网络连接不上，请稍后再试" : `服务没有正常应答（${status}）`);
    super(title);
    Object.assign(this, { name: "ApiError", code: away ? "unreachable" : "unexpected", detail: "", traceId: "", errors: {} }, problem, { status, title });
  }
}

/** Asking again brings nothing else: signed out, not allowed, out of reach. */
export function isFinal(error: unknown): error is ApiError {
  return [401, 403, 404].includes((error as ApiError).status);
}
