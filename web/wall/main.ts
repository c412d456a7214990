import type { HubState } from "../../miniprogram-contract/src/hub";
import { get, isEnded, isRefused, lastAnswerAt } from "./api";
import type { DisplaySession, GridNode, Me, Tier } from "./contract";
import { Cursor } from "./cursor";
import { dayOf, isOverdue, now, timeOf } from "./days";
import { byId, setAttribute, setText } from "./dom";
import { openFeed } from "./feed";
import { arrange } from "./layout";
import { Painter } from "./painter";
import { Panel } from "./panel";
import { Places } from "./places";
import { Speech } from "./speech";
import { drawTile, isOpen } from "./sprites";
import { openStore, type Tile } from "./store";
import { Table } from "./table";
import { COLOUR_NAME, doorText, HOUSEHOLD_NAME, nameHouseholds, tierText, TIERS } from "./tiers";
import { Watchdog } from "./watchdog";

// The wall page (监测屏): who am I, which place is shown, then one wall that stays true until somebody switches the screen off.

const RETRY_START = [1000, 2000, 5000, 10_000, 20_000];

const stage = byId("stage");
const canvas = byId<HTMLCanvasElement>("wall");
const list = byId("list");
const toggle = byId<HTMLButtonElement>("toggle");

const store = openStore();
const painter = new Painter(canvas);
const speech = Speech.into(byId("spoken"));
const panel = new Panel(ended, () => (list.hidden ? cursor : toggle).focus());
const cursor = new Cursor(byId<HTMLButtonElement>("cursor"), canvas, byId("tip"), (tile) => panel.open(tile, tile.x > canvas.width / 2));
const table = new Table((tile) => panel.open(tile, false));
const watchdog = new Watchdog({
  now: () => performance.now(),
  time: () => timeOf(now()),
  busy: () => panel.isOpen || table.visible,
  // The page itself, not a health route: what counts is that a reload would bring the wall back.
  reachable: async () => {
    try {
      const response = await fetch(location.pathname, { cache: "no-store", credentials: "same-origin" });
      return response.ok && (await response.text()).includes('id="wall"');
    } catch {
      return false;
    }
  },
  reload: () => location.reload(),
});

let places = new Places([]);
let nodeId = "";
let placeName = "";
let today = dayOf(now());
let stale = false;

function cover(text: string): void {
  const element = byId("cover");
  setText(element, text);
  element.hidden = text === "";
}

function ended(): void {
  cover("会话已结束，请重新打开监测屏。");
  link("off", "会话已结束");
}

function link(kind: "on" | "wait" | "off", text: string): void {
  const element = byId("link");
  setAttribute(element, "class", kind);
  setText(element, text);
}

let hub: HubState = "connecting";

function hubState(state: HubState): void {
  hub = state;
  if (state === "on") link("on", "实时连接");
  else link("wait", Date.now() - lastAnswerAt() > 30_000 ? `连不上服务，画面停在 ${timeOf(settledAt)}` : "正在重新连接");
}

let settledAt = now();

/** Sizes and the set of tiles decide the layout; colours do not. */
function layOut(): void {
  if (store.tiles.length === 0 && nodeId === "") return;
  const dpr = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.round(stage.clientWidth * dpr));
  const height = Math.max(1, Math.round(stage.clientHeight * dpr));
  const layout = arrange(places.buildings(store.tiles, nodeId), width, height, dpr);
  painter.setLayout(layout, width);
  canvas.style.width = `${width / dpr}px`;
  canvas.style.height = `${layout.height / dpr}px`;
  cursor.setLayout(layout, dpr);
}

const counts: Record<Tier, number> = { red: 0, orange: 0, yellow: 0, green: 0 };

function count(): void {
  let overdue = 0;
  let provisional = 0;
  let unassessed = 0;
  for (const tier of TIERS) counts[tier] = 0;
  for (const tile of store.tiles) {
    counts[tile.tier]++;
    if (tile.state === "provisional") provisional++;
    else if (tile.state === "unassessed") unassessed++;
    if (isOverdue(tile.dueDay, today)) overdue++;
  }
  for (const tier of TIERS) setText(byId(`count-${tier}`), String(counts[tier]));
  setText(byId("count-overdue"), String(overdue));
  setText(byId("count-provisional"), String(provisional));
  setText(byId("count-unassessed"), String(unassessed));
  setText(byId("total"), `${store.tiles.length}户`);
  const sums = TIERS.map((tier) => `${COLOUR_NAME[tier]}${counts[tier]}户`).join("，");
  setAttribute(canvas, "aria-label", `${placeName}监测屏，共${store.tiles.length}户：${sums}，已逾期${overdue}户。用方块按钮逐户查看，或打开列表。`);
}

/** Counts and table once a frame, however many changes a message brings. */
function refreshSoon(): void {
  if (stale) return;
  stale = true;
  requestAnimationFrame(() => {
    stale = false;
    count();
    table.refresh();
  });
}

const recent = Array.from(byId("recent").children);

function remember(text: string, tier: Tier): void {
  // The oldest line becomes the newest: four lines for ever.
  const line = recent.pop()!;
  recent.unshift(line);
  setText(line, `${timeOf(now())} ${text}`);
  setAttribute(line, "data-tier", tier);
  line.parentElement!.prepend(line);
  setText(byId("last"), timeOf(now()));
}

function changed(tile: Tile, was: Tier, wasState: Tile["state"], visited: boolean): void {
  painter.repaint(tile);
  cursor.refresh(tile);
  panel.changed(tile);
  const recoloured = tile.tier !== was || tile.state !== wasState;
  if (!recoloured && !visited) return;
  painter.flash(tile);
  const door = doorText(tile.door);
  if (recoloured) {
    speech.changed(door, tile.tier, tile.state, was);
    remember(tile.tier === was ? `${door} ${tierText(tile.tier, tile.state)}` : `${door} ${COLOUR_NAME[was]} → ${COLOUR_NAME[tile.tier]}${isOpen(tile.state) ? tierText(tile.tier, tile.state).slice(2) : ""}`, tile.tier);
  } else {
    speech.visited();
    remember(`${door} 已随访`, tile.tier);
  }
}

async function nodes(): Promise<void> {
  const answer = await get<{ items: GridNode[] }>("/grid-nodes");
  places = new Places(answer.items);
}

/** Tiles may stand on floors that did not exist when the page was opened. */
async function reshaped(): Promise<void> {
  if (store.tiles.some((tile) => !places.knows(tile.node))) {
    try {
      await nodes();
    } catch {
      // The names come with the next reshape; the tiles are true without them.
    }
  }
  layOut();
  table.setTiles(store.tiles, places);
  refreshSoon();
}

async function start(): Promise<void> {
  const [display, me] = await Promise.all([get<DisplaySession>("/display"), get<Me>("/me"), nodes()]);
  nodeId = display.nodeId;
  placeName = places.name(nodeId);
  setText(byId("deployment"), me.deployment?.title ?? "");
  nameHouseholds(me.deployment ?? {});
  for (const tier of TIERS) setText(byId(`name-${tier}`), HOUSEHOLD_NAME[tier]);
  setText(byId("place"), `${placeName}监测屏`);
  document.title = `${placeName}监测屏`;
  const live = await openFeed(nodeId, store, {
    changed,
    reshaped: () => void reshaped(),
    painted: refreshSoon,
    settled: () => {
      settledAt = now();
      watchdog.settled();
    },
    hub: hubState,
    ended: (error) => (isEnded(error) ? ended() : cover("这个网格已不在可见范围内，请重新打开监测屏。")),
  });
  window.addEventListener("online", () => live.wake());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") live.wake();
  });
  cover("");
}

async function startUntilDone(): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await start();
      return;
    } catch (error) {
      if (isEnded(error)) return ended();
      if (isRefused(error) && error.status === 404) return cover("没有找到这块监测屏的网格，请重新打开。");
      cover(isRefused(error) ? `${error.message}，正在重试…` : "暂时连不上服务，正在重试…");
      link("off", "离线");
      await new Promise((resolve) => setTimeout(resolve, RETRY_START[Math.min(attempt, RETRY_START.length - 1)]));
    }
  }
}

/** The legend shows the very sprites of the wall. */
function drawLegend(): void {
  const samples: [string, Tier, boolean, boolean][] = [
    ["red", "red", false, false],
    ["orange", "orange", false, false],
    ["yellow", "yellow", false, false],
    ["green", "green", false, false],
    ["provisional", "red", true, false],
    ["unassessed", "yellow", true, false],
    ["overdue", "green", false, true],
  ];
  const dpr = window.devicePixelRatio || 1;
  for (const [name, tier, open, overdue] of samples) {
    const sample = byId<HTMLCanvasElement>(`sample-${name}`);
    const side = Math.round(sample.clientWidth * dpr);
    sample.width = sample.height = side;
    drawTile(sample.getContext("2d")!, 0, 0, side, side, tier, open, overdue);
  }
}

function showList(visible: boolean): void {
  list.hidden = !visible;
  stage.hidden = visible;
  setAttribute(toggle, "aria-pressed", String(visible));
  setText(toggle, visible ? "返回方块" : "列表");
  table.show(visible);
  if (!visible) layOut();
}

function tick(): void {
  const time = timeOf(now());
  setText(byId("clock"), time.slice(0, 5));
  if (hub === "waiting") hubState(hub);
  const day = dayOf(now());
  if (day === today && byId("date").textContent !== "") return;
  today = day;
  setText(byId("date"), `${Number(day.slice(5, 7))}月${Number(day.slice(8))}日 星期${"日一二三四五六"[new Date(`${day}T00:00:00Z`).getUTCDay()]}`);
  painter.setDay(day);
  refreshSoon();
}

toggle.addEventListener("click", () => showList(list.hidden));
new ResizeObserver(() => {
  if (stage.hidden) return;
  drawLegend();
  layOut();
}).observe(stage);
window.addEventListener("error", () => watchdog.failed());
window.addEventListener("unhandledrejection", () => watchdog.failed());
drawLegend();
painter.setDay(today);
tick();
setInterval(tick, 1000);
watchdog.start();
void startUntilDone();
