// Days are Asia/Shanghai days (no daylight saving since 1991). The machine behind a wall may have a wrong clock or time zone:
// the offset to the server's Date header is kept, and every day and time on the page comes from here.

const SHANGHAI = 8 * 3600_000;
let ahead = 0;

/** Takes the server's time from a response header; whole seconds are enough for days and clocks. */
export function learnServerTime(dateHeader: string | null): void {
  const server = dateHeader === null ? NaN : Date.parse(dateHeader);
  if (!Number.isNaN(server)) ahead = Math.abs(server - Date.now()) < 2000 ? 0 : server - Date.now();
}

export function now(): number {
  return Date.now() + ahead;
}

/** `YYYY-MM-DD` of a moment in Shanghai. */
export function dayOf(moment: number): string {
  return new Date(moment + SHANGHAI).toISOString().slice(0, 10);
}

/** `HH:mm:ss` of a moment in Shanghai. */
export function timeOf(moment: number): string {
  return new Date(moment + SHANGHAI).toISOString().slice(11, 19);
}

/** 7月3日, with the year where it is not this one. */
export function dayText(day: string | null | undefined, today = dayOf(now())): string {
  const parts = /^(\d{4})-(\d\d)-(\d\d)/.exec(day ?? "");
  if (parts === null) return "—";
  const text = `${Number(parts[2])}月${Number(parts[3])}日`;
  return parts[1] === today.slice(0, 4) ? text : `${parts[1]}年${text}`;
}

/** Overdue (逾期) is derived from the due day and stored nowhere (design.md section 4). */
export function isOverdue(dueDay: string | null, today: string): boolean {
  return dueDay !== null && dueDay < today;
}

export function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000);
}
