import type { Operations } from "./contract";
import type { ApiError } from "./errors";
import { live, type Following, type NoticeEvents, type Wall, type WallEvents } from "./follow";
import { OPERATIONS } from "./generated/operations";
import type { Host } from "./host";
import { openSession } from "./session";
import { decodeTiers, WALL_TIERS, type WallTiers } from "./tiers";
import { transport, type Outgoing } from "./transport";

export interface ClientOptions {
  /** The service's address, for instance `https://api.example.cn`. */
  base: string;
  host: Host;
}

export interface Client extends Operations {
  /** Signs in silently. Not needed before a call, which does it by itself; needed after `endSession`. */
  signIn(): Promise<void>;
  /** The colours of a wall alone, in the order of its layout: a quarter of a byte a household. */
  readWallTiers(input: { id: string }): Promise<WallTiers>;
  /** Loads a wall and keeps it true: at once while the connection is open, by asking while it is not. */
  followWall(id: string, events: WallEvents): Wall;
  /** Tells one's notices whenever there may be new ones. */
  followNotices(events: NoticeEvents): Following;
}

const BASE = "/api/v1";

/** By the letter of the operation's line. */
const METHODS: { [letter: string]: string } = { g: "GET", o: "POST", u: "PUT", d: "DELETE" };

type Given = { [member: string]: unknown };

/** A key is told from others of the same account; nothing is secret about it. */
export const newKey = () => Date.now().toString(36) + Math.random().toString(36).slice(1);

export function createClient({ base, host }: ClientOptions): Client {
  const send = transport(base + BASE, host);
  const session = openSession(host, send, `session ${base}`);

  async function call(path: string, how: string, input: Given, accept?: string): Promise<unknown> {
    const { body, revision, idempotencyKey, ...rest } = input;
    const header: { [name: string]: string } = {};
    const method = METHODS[how[0]!.toLowerCase()]!;
    const keyed = how < "a";
    if (keyed) header["Idempotency-Key"] = (idempotencyKey as string | undefined) || newKey();
    if (revision !== undefined) header["If-Match"] = `"${revision}"`;
    return repeated({ method, path: address(path, rest), body, accept, header }, !how[1], keyed || how === "g");
  }

  /**
   * Sends, and sends once more where that can help: with a new token after a 401, and where nothing can happen twice (a read, or a key) after a
   * lost or a busy answer. Each once; it never loops.
   */
  async function repeated(request: Outgoing, signed: boolean, safe: boolean): Promise<unknown> {
    let refused: string | undefined;
    for (;;) {
      const token = signed ? await session.token(refused) : undefined;
      try {
        return await send(token === undefined ? request : { ...request, header: { ...request.header, Authorization: `Bearer ${token}` } });
      } catch (caught) {
        const error = caught as ApiError;
        if (error.status === 401 && token !== undefined && refused === undefined) refused = token;
        else if (safe && (error.status === 0 || error.status === 503 || error.code === "request_in_flight")) {
          safe = false;
          await new Promise<void>((go) => setTimeout(go, 500 + Math.random() * 1000));
        } else throw error;
      }
    }
  }

  const hub = live(
    async (events, refused) => {
      const url = base.replace(/^http/, "ws") + "/hubs/live";
      // After a refusal by ticket: asking for one tells what the socket does not, and renews a token that the service no longer takes.
      const token = host.socketHeaders && !refused ? await session.token() : undefined;
      if (token !== undefined) return host.openSocket(url, { Authorization: `Bearer ${token}` }, events);
      const { ticket } = await client.createTicket({ body: { purpose: "hub" } });
      return host.openSocket(`${url}?ticket=${encodeURIComponent(ticket)}`, {}, events);
    },
    (wake) => host.onWake(wake),
  );

  const client = {
    signIn: session.signIn,
    readWallTiers: async (input: Given) => decodeTiers((await functions["readWall"]!(input, WALL_TIERS)) as ArrayBuffer),
    followWall: (id: string, events: WallEvents) =>
      hub.followWall({ wall: () => client.readWall({ id }), changes: (after) => client.readWallChanges({ id, after }) }, events),
    followNotices: (events: NoticeEvents) => hub.followNotices(() => client.listNotices(), events),
  } as unknown as Client;
  const functions = client as unknown as { [id: string]: (input?: Given, accept?: string) => Promise<unknown> };
  let before = "";
  for (const line of OPERATIONS.split("\n")) {
    const [id, tail, how] = line.split(" ") as [string, string, string?];
    const path = before.slice(0, parseInt(tail[0]!, 36)) + tail.slice(1);
    before = path;
    functions[id] = async (input, accept) => {
      const answer = await call(path, how || "g", input || {}, accept);
      if (id === "endSession") session.end();
      return answer;
    };
  }
  return client;
}

/** Fills the path and puts the rest into the query. URLSearchParams is not to be had. */
function address(template: string, input: Given): string {
  const text = (name: string) => encodeURIComponent(input[name] as string);
  let path = template.replace(/{(\w+)}/g, (_, name: string) => {
    const value = text(name);
    delete input[name];
    return value;
  });
  let mark = "?";
  for (const name of Object.keys(input)) {
    if (input[name] == null) continue; // neither undefined nor null has a place in an address
    path += `${mark}${name}=${text(name)}`;
    mark = "&";
  }
  return path;
}
