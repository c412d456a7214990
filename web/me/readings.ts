import type { Schemas } from "../../miniprogram-contract/src/contract";
import { dayOf, timeOf } from "../wall/days";

export type Reading = Schemas["ListReadingsItem"];

const ROLE: Record<Reading["role"], string> = {
  resident: "本户其他成员",
  floor_leader: "楼层长",
  building_leader: "楼长",
  area_leader: "片区长",
  community_leader: "社区网格长",
  staff: "后台服务人员",
  labour_officer: "劳务信息员",
  street_manager: "街道管理人员",
  district_manager: "区级管理人员",
  department_liaison: "部门联络员",
  system_admin: "系统管理员",
  security_admin: "安全管理员",
  audit_admin: "审计管理员",
};

const CONTENT: Record<Reading["content"], string> = {
  household_line: "在住户名单中看到您家",
  household_page: "查看您家的详情",
  decision_sheet: "查看您家的定级说明",
  photo: "查看照片",
  phone: "查看完整电话号码",
  binding_request: "查看微信绑定申请",
  guardianship: "查看孩子的监护关系",
};

const PURPOSE: Record<Reading["purpose"], string> = {
  care: "日常照护",
  tier_review: "了解定级",
  joining: "核对绑定",
  visit: "联系随访",
  help: "办理求助",
  check: "核对号码",
  emergency: "紧急情况",
};

/** What one post saw of one thing for one purpose on one day. */
export interface Line {
  who: string;
  role: string;
  what: string;
  why: string;
  /** A full number: what a resident looks for first. */
  isPhone: boolean;
  /** Times of the day, the latest first. */
  times: string[];
}

export interface Day {
  day: string;
  lines: Line[];
}

/** By Shanghai days, the latest first; readings that tell the same are one line. What a service newer than this page says in words that it does not know stays as it came. */
export function byDays(readings: readonly Reading[]): Day[] {
  const days: Day[] = [];
  for (const reading of readings) {
    const moment = Date.parse(reading.at);
    const day = dayOf(moment);
    let last = days[days.length - 1];
    if (last === undefined || last.day !== day) days.push((last = { day, lines: [] }));
    const role = ROLE[reading.role] ?? reading.role;
    const line: Line = {
      who: reading.postTitle ?? role,
      role: reading.postTitle === null ? "" : role,
      what: CONTENT[reading.content] ?? reading.content,
      why: PURPOSE[reading.purpose] ?? reading.purpose,
      isPhone: reading.content === "phone",
      times: [timeOf(moment).slice(0, 5)],
    };
    const same = last.lines.filter((l) => l.who === line.who && l.role === line.role && l.what === line.what && l.why === line.why)[0];
    if (same === undefined) last.lines.push(line);
    else same.times.push(line.times[0]!);
  }
  return days;
}
