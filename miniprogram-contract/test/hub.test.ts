import assert from "node:assert/strict";
import { mock, test } from "node:test";
import type { HostSocketEvents } from "../src/host";
import { ApiError } from "../src/errors";
import { connectHub, type HubState } from "../src/hub";

const END = "\u001e";

/** A hub under mocked time: each connection is kept with what it sent. */
function hub(fails: (attempt: number) => unknown = () => undefined) {
  const connections: { events: HostSocketEvents; sent: string[]; closed: boolean; refused: boolean }[] = [];
  const states: HubState[] = [];
  const heard: string[] = [];
  let attempts = 0;
  const client = connectHub({
    open: async (events, refused) => {
      const error = fails(attempts++);
      if (error !== undefined) throw error;
      const connection = { events, sent: [] as string[], closed: false, refused };
      connections.push(connection);
      return { send: (text) => void connection.sent.push(text), close: () => void (connection.closed = true) };
    },
    state: (state) => states.push(state),
    invoked: (target, args) => heard.push(`${target} ${JSON.stringify(args)}`),
  });
  return { client, connections, states, heard, attempts: () => attempts };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

/** Under mocked time, and with the longest of the jittered waits. */
async function timed(run: () => Promise<void>): Promise<void> {
  const random = Math.random;
  Math.random = () => 1;
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_700_000_000_000 });
  try {
    await run();
  } finally {
    Math.random = random;
    mock.timers.reset();
  }
}

test("the hub client shakes hands, hears several records in one frame, pings, and takes part of no other talk", () =>
  timed(async () => {
    const { connections, states, heard, client } = hub();
    await settle();
    const first = connections[0]!;
    first.events.opened();
    assert.deepEqual(first.sent, [`{"protocol":"json","version":1}${END}`]);
    first.events.message(`{}${END}{"type":6}${END}{"type":1,"target":"tilesChanged","arguments":[{"root":"c"}]}${END}`);
    assert.deepEqual(heard, ['tilesChanged [{"root":"c"}]']);
    mock.timers.tick(15_000);
    assert.equal(first.sent[1], `{"type":6}${END}`);
    assert.deepEqual(states, ["connecting", "on"]);
    client.stop();
    assert.ok(first.closed);
    first.events.message(`{"type":1,"target":"late","arguments":[]}${END}`);
    assert.equal(heard.length, 1);
  }));

test("RL07 a cut, a silence and a close message all end in a new connection", () =>
  timed(async () => {
    const { connections, states } = hub();
    const on = async (index: number): Promise<void> => {
      await settle();
      connections[index]!.events.opened();
      connections[index]!.events.message(`{}${END}`);
    };
    await on(0);
    connections[0]!.events.closed();
    mock.timers.tick(500);
    await on(1);
    mock.timers.tick(30_000); // silence
    mock.timers.tick(30_000);
    await on(2);
    assert.ok(connections[1]!.closed);
    connections[2]!.events.message(`{"type":7,"allowReconnect":false}${END}`);
    mock.timers.tick(30_000);
    await on(3);
    assert.deepEqual(states.filter((state) => state === "on").length, 4);
  }));

test("the wait grows to 30 s, jitter is in it, and a wake ends it", () =>
  timed(async () => {
    const { attempts, client } = hub((attempt) => (attempt < 100 ? "down" : undefined));
    const times: number[] = [];
    let last = 0;
    for (let second = 0; second < 200; second++) {
      await settle();
      if (attempts() !== last) times.push(second / 2);
      last = attempts();
      mock.timers.tick(500);
    }
    const waits = times.slice(1).map((time, index) => time - times[index]!);
    assert.deepEqual(waits.slice(0, 6), [0.5, 1, 2, 4, 8, 16]);
    assert.ok(waits.slice(6).every((wait) => wait === 30));
    const before = attempts();
    client.wake(false);
    await settle();
    assert.equal(attempts(), before + 1);
    client.stop();
  }));

test("an ended session is final", () =>
  timed(async () => {
    const { states, attempts } = hub(() => new ApiError(401));
    await settle();
    mock.timers.tick(120_000);
    await settle();
    assert.deepEqual(states, ["connecting", "ended"]);
    assert.equal(attempts(), 1);
  }));


test("a record that comes in the frame of the handshake is heard, and a socket that opens before it is handed over is greeted once", () =>
  timed(async () => {
    const heard: string[] = [];
    const sent: string[] = [];
    let talk: HostSocketEvents | undefined;
    connectHub({
      open: async (events) => {
        talk = events;
        events.opened();
        events.opened();
        return { send: (text) => void sent.push(text), close: () => undefined };
      },
      state: () => undefined,
      invoked: (target) => heard.push(target),
    });
    await settle();
    assert.deepEqual(sent, [`{"protocol":"json","version":1}${END}`]);
    talk!.message(`{}${END}{"type":1,"target":"resync","arguments":[{"root":"c"}]}${END}`);
    assert.deepEqual(heard, ["resync"]);
  }));

test("a connection that ended without a handshake says so to the next, one that was on does not", () =>
  timed(async () => {
    const { connections } = hub();
    await settle();
    connections[0]!.events.closed();
    mock.timers.tick(500);
    await settle();
    assert.equal(connections[1]!.refused, true);
    connections[1]!.events.opened();
    connections[1]!.events.message(`{}${END}`);
    connections[1]!.events.closed();
    mock.timers.tick(1000);
    await settle();
    assert.equal(connections[2]!.refused, false);
  }));

test("after a cut that nobody told of, a wake replaces the connection that seems open", () =>
  timed(async () => {
    const { connections, client, states } = hub();
    await settle();
    connections[0]!.events.opened();
    connections[0]!.events.message(`{}${END}`);
    client.wake(false);
    await settle();
    assert.equal(connections.length, 1);
    client.wake(true);
    await settle();
    assert.equal(connections.length, 2);
    assert.ok(connections[0]!.closed);
    connections[0]!.events.closed();
    assert.deepEqual(states, ["connecting", "on", "connecting"]);
  }));
