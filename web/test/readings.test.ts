import assert from "node:assert/strict";
import { test } from "node:test";
import { byDays, type Reading } from "../me/readings";

const reading = (at: string, more: Partial<Reading> = {}): Reading => ({ id: at, at, role: "floor_leader", postTitle: "1栋3层楼层长", content: "household_page", purpose: "care", ...more });

test("B7: days are Shanghai's, and what tells the same on one day is one line with its times", () => {
  const days = byDays([
    reading("2026-11-20T16:30:00Z"),
    reading("2026-11-20T09:00:00Z"),
    reading("2026-11-20T08:00:00Z", { content: "phone", purpose: "visit" }),
    reading("2026-11-20T01:05:00Z"),
    reading("2026-11-20T01:00:00Z", { role: "resident", postTitle: null }),
  ]);
  assert.deepEqual(days.map((d) => d.day), ["2026-11-21", "2026-11-20"]);
  assert.deepEqual(days[1]!.lines.map((l) => [l.who, l.role, l.what, l.why, l.isPhone, l.times]), [
    ["1栋3层楼层长", "楼层长", "查看您家的详情", "日常照护", false, ["17:00", "09:05"]],
    ["1栋3层楼层长", "楼层长", "查看完整电话号码", "联系随访", true, ["16:00"]],
    ["本户其他成员", "", "查看您家的详情", "日常照护", false, ["09:00"]],
  ]);
});

test("a word of a newer service is shown as it came", () => {
  const [day] = byDays([reading("2026-11-20T01:00:00Z", { content: "something_new" as Reading["content"] })]);
  assert.equal(day!.lines[0]!.what, "something_new");
});
