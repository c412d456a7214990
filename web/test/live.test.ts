import assert from "node:assert/strict";
import { test } from "node:test";
import { dayOf, dayText, isOverdue } from "../wall/days";
import { Speech } from "../wall/speech";
import { doorText, tierText } from "../wall/tiers";
import { Watchdog } from "../wall/watchdog";

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
