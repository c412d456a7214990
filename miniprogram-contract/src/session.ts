import type { SessionTokens } from "./contract";
import { ApiError } from "./errors";
import type { Host } from "./host";
import type { Send } from "./transport";

/** An answer to a renewal that was lost can be had again for ten seconds; so this, and once more, stay within them. */
const RENEWAL_LIMIT = 4_500;
/** A token that ends sooner is renewed before it is used. */
const MARGIN = 30_000;

interface Kept {
  accessToken: string;
  refreshToken: string;
  /** In this machine's own time: a phone's clock may be wrong, but it runs evenly. */
  until: number;
}

export interface Session {
  /**
   * A token to send, made silently when there is none; undefined where the host cannot sign in. However many ask at once, one renewal answers them all.
   * @param refused The token that the service has just refused: whoever comes with an older one gets the present one, and causes no renewal.
   */
  token(refused?: string): Promise<string | undefined>;
  /** Signs in by the platform, also after `end`. */
  signIn(): Promise<void>;
  /** After signing out: nothing of it is left here, and no silent sign-in undoes it. */
  end(): void;
}

/**
 * Our own two tokens and nothing else; WeChat's session_key and openid never come this far.
 * @param key Where the tokens are stored: one place for each service, so that none sees another's.
 */
export function openSession(host: Host, send: Send, key: string): Session {
  let kept: Kept | null = null;
  let renewing: Promise<string> | null = null;
  let over = false;
  try {
    kept = JSON.parse(host.read(key)) as Kept;
  } catch {
    // Nothing stored yet, or not by us.
  }

  function keep(now: Kept | null): void {
    kept = now;
    host.write(key, now === null ? "" : JSON.stringify(now));
  }

  const post = (path: string, body: object, limit?: number) => send({ method: "POST", path: `/sessions/${path}`, body, urgent: true, limit });

  async function renew(): Promise<string> {
    const answer = ((kept && (await refresh(kept.refreshToken))) || (await exchange())) as SessionTokens;
    check();
    keep({ ...answer, until: Date.now() + answer.expiresIn * 1000 - MARGIN });
    return answer.accessToken;
  }

  /** Nothing when the session is over and the host can open another. Any other failure leaves the token as it was, for the next try. */
  const refresh = (refreshToken: string) =>
    again(() => post("refresh", { refreshToken }, RENEWAL_LIMIT), "unreachable").catch((error: ApiError) => {
      if (error.code === "refresh_token_invalid") {
        keep(null);
        if (host.login) return;
      }
      throw error;
    });

  /** A code can be used once and may be spent although the answer was lost: a second try brings a new one. */
  const exchange = () => again(async () => post("wechat", { code: await code() }), "login_code_invalid", "request_in_flight");

  const code = () => host.login!().then((answer) => answer.code, () => Promise.reject(new ApiError(0)));

  function check(): void {
    if (over) throw new ApiError(401, { code: "session_ended", title: "您已退出登录" });
  }

  async function token(refused?: string): Promise<string | undefined> {
    check();
    if (kept !== null && kept.accessToken !== refused && Date.now() < kept.until) return kept.accessToken;
    if (kept === null && !host.login) return undefined;
    if (renewing === null) renewing = renew().finally(() => (renewing = null));
    return renewing;
  }

  return {
    token,
    signIn: async () => {
      over = false;
      await token();
    },
    end: () => {
      over = true;
      keep(null);
    },
  };
}

/** Does it once more after one of these refusals. */
function again(work: () => Promise<unknown>, ...codes: string[]): Promise<unknown> {
  return work().catch((error: ApiError) => (codes.includes(error.code) ? work() : Promise.reject(error)));
}
