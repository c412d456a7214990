import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { dayOf, dayText, isOverdue } from "../wall/days";
import { connectHub, type HubSocketEvents, type HubState } from "../wall/hub";
import { Speech } from "../wall/speech";
import { doorText, tierText } from "../wall/tiers";
import { Watchdog } from "../wall/watchdog";

const END = "\u001e";

/** A hub under mocked time: each connection is kept with what it sent. */
function hub(fails: (attempt: number) => unknown = () => undefined) {
  const connections: { events: HubSocketEvents; sent: string[]; closed: boolean }[] = [];
  const states: HubState[] = [];
  const heard: string[] = [];
  let attempts = 0;
  const client = connectHub({
    open: async (events) => {
      const error = fails(attempts++);
      if (error !== undefined) throw error;
      const connection = { events, sent: [] as string[], closed: false };
      connections.push(connection);
      return { send: (text) => void connection.sent.push(text), close: () => void (connection.closed = true) };
    },
    isFinal: (error) => error === "final",
    state: (state) => states.push(state),
    invoked: (target, args) => heard.push(`${target} ${JSON.stringify(args)}`),
    random: () => 1,
  });
  return { client, connections, states, heard, attempts: () => attempts };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

async function timed(run: () => Promise<void>): Promise<void> {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_700_000_000_000 });
  try {
    await run();
  } finally {
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

test("the wait grows to 30 s, jitter is in it, and a kick ends it", () =>
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
    client.kick();
    await settle();
    assert.equal(attempts(), before + 1);
    client.stop();
  }));

test("an ended session is final", () =>
  timed(async () => {
    const { states, attempts } = hub(() => "final");
    await settle();
    mock.timers.tick(120_000);
    await settle();
    assert.deepEqual(states, ["connecting", "ended"]);
    assert.equal(attempts(), 1);
  }));

test("several changes within a second are one sentence, and a storm is a sum", () => {
  const said: string[] = [];
  const due: (() => void)[] = [];
  const speech = new Speech((text) => said.push(text), { set: (run) => due.push(run) });
  speech.changed("13栋4单元104", "red", "provisional", "green");
  speech.visited();
  due.shift()!();
  assert.deepEqual(said, ["13栋4单元104，由绿色转为红色 待核实；1户有新的随访。"]);
  for (let i = 0; i < 500; i++) speech.changed("1栋1单元101", i % 2 === 0 ? "red" : "orange", null, "green");
  assert.equal(due.length, 1, "what comes while one sentence is read waits");
  due.shift()!();
  assert.equal(said[1], "500户四色变化，现为红色250户、橙色250户。");
  due.shift()!();
  assert.equal(said.length, 2);
});

test("the watchdog reloads a dead wall, but never into a server that is away, and not while somebody works", async () => {
  let now = 0;
  let time = "10:00:00";
  let busy = false;
  let reachable = false;
  let reloads = 0;
  const dog = new Watchdog({ now: () => now, time: () => time, busy: () => busy, reachable: async () => reachable, reload: () => void reloads++ });
  now = 5 * 60_000;
  await dog.tick();
  assert.equal(reloads, 0, "server away");
  reachable = true;
  await dog.tick();
  assert.equal(reloads, 1);
  dog.settled();
  await dog.tick();
  assert.equal(reloads, 1, "alive");
  for (let i = 0; i < 5; i++) dog.failed();
  await dog.tick();
  assert.equal(reloads, 2, "errors in the page");
  now = 14 * 3600_000;
  time = "04:10:00";
  busy = true;
  dog.settled();
  await dog.tick();
  assert.equal(reloads, 2, "in use");
  busy = false;
  await dog.tick();
  assert.equal(reloads, 3, "nightly");
});

test("days are Shanghai days, overdue begins on the day after the due day", () => {
  assert.equal(dayOf(Date.parse("2026-11-25T16:00:00Z")), "2026-11-26");
  assert.equal(dayOf(Date.parse("2026-11-25T15:59:59Z")), "2026-11-25");
  assert.ok(!isOverdue("2026-11-26", "2026-11-26"));
  assert.ok(isOverdue("2026-11-25", "2026-11-26"));
  assert.ok(!isOverdue(null, "2026-11-26"));
  assert.equal(dayText("2026-07-03", "2026-11-26"), "7月3日");
  assert.equal(dayText("2027-07-03", "2026-11-26"), "2027年7月3日");
});

test("a provisional red is never called 监测户", () => {
  assert.equal(tierText("red", "provisional"), "红色 待核实");
  assert.equal(tierText("red", "confirmed"), "红色 重点风险监测户");
  assert.equal(tierText("yellow", "unassessed"), "黄色 待补信息");
  assert.equal(tierText("green", null), "绿色 正常脱贫户");
  assert.equal(doorText("13-4-104"), "13栋4单元104");
});
