import { connectHub } from "../../miniprogram-contract/src/hub";
import { webSocket } from "../../miniprogram-contract/src/browser";
import { get, isEnded, post } from "../wall/api";
import type { Tier } from "../wall/contract";
import { dayOf, dayText, now, timeOf } from "../wall/days";
import { byId, setAttribute, setText } from "../wall/dom";
import { drawTile, Sprites } from "../wall/sprites";
import { BACKGROUND, COLOUR_NAME, TIERS } from "../wall/tiers";
import { Watchdog } from "../wall/watchdog";
import { fit } from "./fit";

// The public hall (大厅屏): as many tiles as households, sorted by colour. It knows four numbers and nothing else, so there is nothing on it to find out.

/** Without a push, the numbers are asked for this often: a hub that is away costs a minute, never a day. */
const ASK_EVERY = 60_000;

type Counts = Record<Tier, number> & { version: string };

const canvas = byId<HTMLCanvasElement>("hall");
const stage = byId("stage");
const watchdog = new Watchdog({
  now: () => performance.now(),
  time: () => timeOf(now()),
  busy: () => false,
  reachable: async () => {
    try {
      const response = await fetch(location.pathname, { cache: "no-store", credentials: "same-origin" });
      return response.ok && (await response.text()).includes('id="hall"');
    } catch {
      return false;
    }
  },
  reload: () => location.reload(),
});

let counts: Counts | null = null;
let asking = false;
let again = false;

function cover(text: string): void {
  const element = byId("cover");
  setText(element, text);
  element.hidden = text === "";
}

function paint(): void {
  if (counts === null) return;
  const dpr = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(stage.clientWidth * dpr));
  canvas.height = Math.max(1, Math.round(stage.clientHeight * dpr));
  const c = canvas.getContext("2d", { alpha: false })!;
  c.fillStyle = BACKGROUND;
  c.fillRect(0, 0, canvas.width, canvas.height);
  const all = TIERS.reduce((sum, tier) => sum + counts![tier], 0);
  const { columns, cell, left, top } = fit(all, canvas.width, canvas.height);
  const gap = Math.max(1, Math.round(cell * 0.14));
  canvas.dataset["grid"] = [columns, cell, cell - gap, left, top].join();
  const sprites = new Sprites(cell - gap, cell - gap);
  let at = 0;
  for (const tier of TIERS) {
    for (let n = 0; n < counts[tier]; n++, at++) sprites.tile(c, left + (at % columns) * cell, top + Math.floor(at / columns) * cell, tier, false, false);
  }
}

function show(fresh: Counts): void {
  if (counts !== null && counts.version === fresh.version) return;
  const first = counts === null;
  counts = fresh;
  for (const tier of TIERS) setText(byId(`count-${tier}`), String(fresh[tier]));
  const sums = TIERS.map((tier) => `${COLOUR_NAME[tier]}${fresh[tier]}户`).join("，");
  const all = TIERS.reduce((sum, tier) => sum + fresh[tier], 0);
  setText(byId("total"), `共${all}户`);
  setAttribute(canvas, "aria-label", `大厅屏，共${all}户：${sums}`);
  if (!first) setText(byId("spoken"), sums);
  paint();
}

/** One question at a time; a push that comes meanwhile asks once more. */
async function ask(): Promise<void> {
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  try {
    show(await get<Counts>("/display/hall", true));
    cover("");
    watchdog.settled();
  } catch (error) {
    if (isEnded(error)) cover("会话已结束，请重新登记大厅屏。");
    else if (counts === null) cover("连不上服务，正在重试…");
  } finally {
    asking = false;
    if (again) {
      again = false;
      void ask();
    }
  }
}

function tick(): void {
  setText(byId("clock"), timeOf(now()).slice(0, 5));
  setText(byId("date"), dayText(dayOf(now())));
}

for (const tier of TIERS) {
  const sample = byId<HTMLCanvasElement>(`sample-${tier}`);
  const side = Math.round(48 * (window.devicePixelRatio || 1));
  sample.width = sample.height = side;
  drawTile(sample.getContext("2d")!, 0, 0, side, side, tier, false, false);
}
tick();
setInterval(tick, 1000);
setInterval(() => void ask(), ASK_EVERY);
new ResizeObserver(paint).observe(stage);
window.addEventListener("error", () => watchdog.failed());
watchdog.start();
void ask();
connectHub({
  open: async (events) => {
    const { ticket } = await post<{ ticket: string }>("/tickets", { purpose: "hub" });
    const base = location.origin.replace(/^http/, "ws");
    return webSocket(WebSocket, `${base}/hubs/live?ticket=${encodeURIComponent(ticket)}`, events);
  },
  state: (state) => {
    if (state === "on") void ask();
  },
  invoked: (target) => {
    if (target === "hallChanged") void ask();
  },
});
