import { browserHost, type Web } from "../../miniprogram-contract/src/browser";
import { createClient } from "../../miniprogram-contract/src/client";
import { ApiError } from "../../miniprogram-contract/src/errors";
import { dayText } from "../wall/days";
import { byId, h, setText } from "../wall/dom";
import { byDays, type Reading } from "./readings";

// 谁看过我的信息 (B-7). The mini-program opens this page in a web-view with a fresh login code behind the `#`: a browser sends that to nobody, so it stands in no
// log, and the code is good for one session. The session is kept in memory alone and is ended with the page.

const code = /^#code=([\w-]+)$/.exec(location.hash)?.[1];
if (location.hash !== "") history.replaceState(null, "", location.pathname);

// Kept alive, so that the last request, which ends the session, outlives the page.
const web: Web = { fetch: (url, init) => fetch(url, { ...init, keepalive: true }), WebSocket };
const client = createClient({ base: location.origin, host: browserHost(web, () => (code === undefined ? Promise.reject(new Error("no code")) : Promise.resolve({ code }))) });
const more = byId<HTMLButtonElement>("more");
const readings: Reading[] = [];
let next: string | null = null;

function show(): void {
  const days = byDays(readings).map(({ day, lines }) =>
    h("section", "", h("h2", "", dayText(day)), h("ul", "", ...lines.map((line) =>
      h("li", line.isPhone ? "phone" : "",
        h("p", "who", line.who, line.role === "" ? null : h("span", "role", line.role)),
        h("p", "what", line.what, h("span", "why", line.why)),
        h("p", "when", line.times.filter((time, i) => line.times.indexOf(time) === i).slice(0, 3).join("、"), line.times.length > 1 ? h("span", "times", `共${line.times.length}次`) : null))))));
  byId("days").replaceChildren(...days);
  more.hidden = next === null;
}

async function load(): Promise<void> {
  more.disabled = true;
  try {
    const page = await client.listReadings(next === null ? { limit: 100 } : { limit: 100, cursor: next });
    readings.push(...page.items);
    next = page.next;
    show();
    setText(byId("status"), readings.length === 0 ? "还没有人查看过您家的信息。" : "");
  } catch (error) {
    const refused = error instanceof ApiError ? error : null;
    setText(byId("status"), refused?.status === 403 && refused.code === "operation_not_allowed" ? "只有居民本人可以查看这里的记录。" : (refused?.title ?? "没有载入，请稍后再试。"));
  } finally {
    more.disabled = false;
  }
}

if (code === undefined) setText(byId("status"), "请从小程序“我的”重新打开本页。");
else {
  more.addEventListener("click", () => void load());
  window.addEventListener("pagehide", () => void client.endSession({}).catch(() => undefined));
  void load();
}
