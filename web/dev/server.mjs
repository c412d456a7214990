// A small stand-in for the api, for work on the wall alone: `npm run dev`. It keeps the promises that the page relies on (versions without
// gaps, a change feed, 410 below its history, single-use tickets, one cookie a wall) and nothing else: no database, no rights, no rules.
// Invented households, `--households` of them. `--lively` changes one every few seconds, `--changes` so many a second; POST /dev/change {door,
// tier, state} changes one now.
import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "5180" },
    households: { type: "string", default: "2802" },
    lively: { type: "boolean", default: false },
    changes: { type: "string", default: "0" },
  },
});
const wwwroot = new URL("../../api/wwwroot/", import.meta.url);
const END = "\u001e";
const DAY = 86_400_000;

// ---- the invented community

let seed = 20221130;
const random = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
const pick = (list) => list[Math.floor(random() * list.length)];
const day = (offset) => new Date(Date.now() + 8 * 3600_000 + offset * DAY).toISOString().slice(0, 10);
const id = (kind, number) => `0${kind}990113-0000-7000-8000-${number.toString(16).padStart(12, "0")}`;

const epoch = "dev";
let version = 1;
let historyFrom = 1;
const nodes = [];
const households = new Map();
const history = [];
const node = (name, level, path) => {
  nodes.push({ id: id(1, nodes.length + 1), name, level, path, parentId: null, position: nodes.length });
  return nodes[nodes.length - 1];
};

const community = (node("东川区", "district", "dc"), node("铜都街道", "street", "dc.td"), node("铜源社区", "community", "dc.td.ty"));
const cadence = { red: 7, orange: 14, yellow: 30, green: 91 };

function household(floor, door) {
  const chance = random();
  const tier = chance < 0.04 ? "red" : chance < 0.135 ? "orange" : chance < 0.32 ? "yellow" : "green";
  const visited = Math.floor(random() * cadence[tier] * (random() < 0.012 ? 1.4 : 0.96));
  const state = tier === "red" ? (random() < 0.04 ? "provisional" : "confirmed") : tier === "yellow" && random() < 0.02 ? "unassessed" : null;
  const entry = { id: id(2, households.size + 1), node: floor.id, door, tier, state, dueDay: day(cadence[tier] - visited), lastVisitDay: day(-visited) };
  households.set(entry.id, entry);
}

/** Thirteen buildings of different shape, as a community has them: [units, rooms a unit, floors]. */
const SHAPES = [...Array(6).fill([3, 6, 12]), [3, 3, 24], [3, 3, 24], ...Array(3).fill([3, 6, 13]), [5, 4, 11], [4, 4, 16]];
const AREAS = [[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12, 13]];

{
  const wanted = Number(options.households);
  const each = SHAPES.reduce((sum, [units, rooms, floors]) => sum + units * rooms * floors, 0);
  const copies = Math.ceil(wanted / each);
  let doors = each * copies;
  let empty = doors - wanted;
  for (let area = 0; area < AREAS.length * copies; area++) {
    const copy = Math.floor(area / AREAS.length);
    node(`铜源${area + 1}片区`, "area", `dc.td.ty.a${area + 1}`);
    for (const shape of AREAS[area % AREAS.length]) {
      const building = copy * SHAPES.length + shape;
      const path = `dc.td.ty.a${area + 1}.b${building}`;
      const [units, rooms, floors] = SHAPES[shape - 1];
      node(`${building}栋`, "building", path);
      for (let story = 1; story <= floors; story++) {
        const floor = node(`${building}栋${story}层`, "floor", `${path}.f${story}`);
        for (let unit = 1; unit <= units; unit++) {
          for (let room = 1; room <= rooms; room++, doors--) {
            // Of the flats that are left, the empty ones fall evenly.
            if (random() * doors < empty) empty--;
            else household(floor, `${building}-${unit}-${story * 100 + room}`);
          }
        }
      }
    }
  }
}

// ---- sessions, tickets, live connections

const sessions = new Set();
const hubTickets = new Set();
const sockets = new Set();
const secret = () => randomBytes(24).toString("base64url");
const at = (n) => `${epoch}.${n}`;

function record(entry, removed = false) {
  history.push({ n: version, removed, row: { ...entry } });
}

function change(entry, fields) {
  Object.assign(entry, fields);
  version++;
  record(entry);
  broadcast("tilesChanged", { root: community.id, version: at(version), tiles: [{ id: entry.id, tier: entry.tier, state: entry.state, version: at(version) }] });
  return entry;
}

function frame(text) {
  const body = Buffer.from(text);
  const head = body.length < 126 ? Buffer.from([0x81, body.length]) : Buffer.from([0x81, 126, body.length >> 8, body.length & 255]);
  return Buffer.concat([head, body]);
}

function broadcast(target, ...args) {
  for (const socket of sockets) if (socket.ready) socket.write(frame(JSON.stringify({ type: 1, target, arguments: args }) + END));
}

function accept(request, socket) {
  const url = new URL(request.url, "http://localhost");
  if (url.pathname !== "/hubs/live" || !hubTickets.delete(url.searchParams.get("ticket"))) {
    socket.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n");
    return;
  }
  const key = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\n\r\n`);
  sockets.add(socket);
  const ping = setInterval(() => socket.ready && socket.write(frame(`{"type":6}${END}`)), 15_000);
  socket.on("error", () => socket.destroy());
  socket.on("close", () => {
    clearInterval(ping);
    sockets.delete(socket);
  });
  socket.on("data", (data) => {
    // A browser's frames are short and masked: the handshake, pings, a close.
    if ((data[0] & 15) === 8) socket.end();
    else if (!socket.ready) {
      socket.ready = true;
      socket.write(frame(`{}${END}`));
    }
  });
}

// ---- what a household says

const SURNAMES = [..."赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨"];
const RULES = {
  red: ["R5", "家庭遭遇重大变故未满90天", "90天内", "majorEventDaysAgo", "距重大变故天数", "21"],
  orange: ["O1", "登记为风险消除", null, "registry", "登记状态", "风险消除"],
  yellow: ["Y1", "人均纯收入在监测线至1.2倍之间", "8,000.00至9,600.00元", "netIncome12m", "近12个月人均纯收入", "9,120.00元"],
  green: ["G0", "没有命中其他规则", null, null, null, null],
};
const SENTENCE = {
  red: "您家近期遇到重大变故，社区将每周上门一次，帮您渡过难关。",
  orange: "您家的风险已经消除，社区每两周看望一次，防止反复。",
  yellow: "您家收入刚过监测线，社区每月看望一次。",
  green: "您家情况稳定，社区每季度看望一次。",
};

function detail(entry) {
  seed = Number.parseInt(entry.id.slice(-6), 16) * 7919;
  random();
  const surname = pick(SURNAMES);
  const person = (number, name, isHead, age) => ({ id: id(3, number), name, isHead, age, phone: isHead ? "190****0000" : null, idNumber: "990113********001X" });
  const [rule, text] = RULES[entry.tier];
  return {
    id: entry.id, revision: 1, door: entry.door, nodeId: entry.node,
    nodeNames: ["铜源社区", `${entry.door.split("-")[0]}栋`, nodes.find((candidate) => candidate.id === entry.node).name],
    tier: entry.tier, state: entry.state, engineTier: entry.tier,
    reasons: [{ rule, tier: entry.tier, text }],
    wayOut: entry.tier === "red" ? [{ id: "H2a", missing: "纳入监测未满180天，还差42天" }, { id: "H2b", missing: "还没有完成的帮扶措施" }] : [],
    income: { red: "below_line", yellow: "near_line" }[entry.tier] ?? "above_line",
    registerStatus: { red: "monitored", orange: "eliminated" }[entry.tier] ?? "lifted",
    occupancy: pick(["all_home", "all_home", "part_away"]),
    dueDay: entry.dueDay,
    people: [person(1, `${surname}示例`, true, 40 + Math.floor(random() * 30)), person(2, `${pick(SURNAMES)}样`, false, 38), person(3, `${surname}小样`, false, 12)],
    lastVisits: [
      { day: entry.lastVisitDay, kind: "home", visitor: "韩示范", counted: true },
      { day: day(-120), kind: "phone", visitor: "韩示范", counted: false },
    ],
    openMeasures: entry.tier === "green" || entry.tier === "yellow" ? [] : [{ kind: "temporary_relief", openedOn: day(-40), responsible: "社区后台" }],
    leader: { title: "楼层长", name: "韩示范", role: "floor_leader" },
    unknowns: entry.state === "unassessed" ? [{ fact: "incomeCheckedDaysAgo", subject: "household", subjectId: entry.id, tag: "income_checked_on", tagName: "收入核查日期" }] : [],
  };
}

function sheet(entry) {
  const [rule, text, threshold, fact, label, value] = RULES[entry.tier];
  return {
    day: day(0), tier: entry.tier, state: entry.state, ruleSet: "default-1", ruleSetHash: "0".repeat(64), sentence: SENTENCE[entry.tier],
    reasons: [{ rule, tier: entry.tier, text, threshold, facts: fact === null ? [] : [{ key: fact, name: label, value, text: value, origins: [{ kind: "tag_value", text: label, day: day(-21), sourceText: "随访" }] }] }],
  };
}

// ---- HTTP

const TYPES = { html: "text/html; charset=utf-8", js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8", svg: "image/svg+xml" };
const SAFE = {
  "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
};
const problem = (status, code, title) => ({ status, body: { type: "about:blank", status, title, code, traceId: "dev" } });

async function body(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text === "" ? {} : JSON.parse(text);
}

function api(path, url, input) {
  if (path === "display") return { body: { nodeId: community.id, mode: "staff" } };
  if (path === "me") return { body: { id: id(9, 1), name: "演示账号", roles: ["staff"], rootNodes: [], deployment: { title: "东川区党建引领智慧社区精准服务系统平台", tier_red: "重点风险监测户" } } };
  if (path === "grid-nodes") return { body: { items: nodes } };
  if (path === "tickets") {
    if (input.purpose !== "hub") return problem(400, "invalid_request", "请求不正确");
    const ticket = secret();
    hubTickets.add(ticket);
    return { body: { ticket, expiresAt: new Date(Date.now() + 60_000).toISOString() } };
  }
  if (path === `grid-nodes/${community.id}/wall`) return { body: { version: at(version), tiles: [...households.values()] } };
  if (path === `grid-nodes/${community.id}/wall/changes`) {
    const after = /^dev\.(\d+)$/.exec(url.searchParams.get("after") ?? "");
    if (after === null || Number(after[1]) < historyFrom) return problem(410, "wall_history_gone", "变化记录已不可用，请重新载入");
    const rows = history.filter((entry) => entry.n > Number(after[1]));
    return {
      body: {
        version: at(version),
        changed: rows.filter((entry) => !entry.removed).map((entry) => ({ ...entry.row, version: at(entry.n) })),
        removed: rows.filter((entry) => entry.removed).map((entry) => ({ id: entry.row.id, version: at(entry.n) })),
        more: false,
      },
    };
  }
  const one = /^households\/([^/]+)(\/tier)?$/.exec(path);
  const entry = one === null ? undefined : households.get(one[1]);
  if (entry !== undefined) return { body: one[2] === undefined ? detail(entry) : sheet(entry) };
  return problem(404, "not_found", "没有找到");
}

function dev(path, input) {
  const entry = [...households.values()].find((candidate) => candidate.door === input.door);
  if (path === "change" && entry !== undefined) {
    return { body: change(entry, { tier: input.tier ?? entry.tier, state: input.state ?? null, dueDay: input.dueDay ?? entry.dueDay, lastVisitDay: input.lastVisitDay ?? entry.lastVisitDay }) };
  }
  if (path === "remove" && entry !== undefined) {
    version++;
    households.delete(entry.id);
    record(entry, true);
    broadcast("resync", { root: community.id });
    return { body: entry };
  }
  if (path === "cut") for (const socket of sockets) socket.destroy();
  else if (path === "forget") historyFrom = ++version;
  else if (path === "end-sessions") sessions.clear();
  else return problem(404, "not_found", "没有找到");
  return { body: {} };
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://localhost");
  const send = (status, text, headers = {}) => response.writeHead(status, { ...SAFE, ...headers }).end(text);
  const json = ({ status = 200, body: content }) =>
    send(status, JSON.stringify(content), { "Content-Type": status < 400 ? "application/json" : "application/problem+json", "Cache-Control": "private, no-cache" });
  try {
    if (url.pathname === "/" || url.searchParams.get("ticket") === "dev") {
      const session = secret();
      sessions.add(session);
      send(302, "", { Location: "/wall", "Set-Cookie": `display=${session}; HttpOnly; SameSite=Strict; Path=/` });
    } else if (url.pathname === "/wall" || url.pathname.startsWith("/wall/")) {
      const file = url.pathname === "/wall" ? "wall/index.html" : url.pathname.slice(1);
      if (!/^wall\/[a-z.]+$/.test(file)) return send(404, "");
      send(200, await readFile(new URL(file, wwwroot)), { "Content-Type": TYPES[file.split(".").pop()], "Cache-Control": "no-cache" });
    } else if (url.pathname.startsWith("/dev/")) json(dev(url.pathname.slice(5), await body(request)));
    else if (url.pathname.startsWith("/api/v1/")) {
      const session = /(?:^|; )display=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
      json(sessions.has(session) ? api(url.pathname.slice(8), url, await body(request)) : problem(401, "session_ended", "会话已结束"));
    } else send(404, "");
  } catch (error) {
    console.error(error);
    send(500, "");
  }
});
server.on("upgrade", accept);
server.listen(Number(options.port), "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}/`));

const all = [...households.values()];

function something() {
  const entry = pick(all);
  if (random() < 0.5) change(entry, { lastVisitDay: day(0), dueDay: day(cadence[entry.tier]) });
  else {
    const tier = pick(["green", "yellow", "orange", "red"]);
    change(entry, { tier, state: tier === "red" ? "provisional" : null });
  }
}

if (options.lively) setInterval(something, 3000);
// In tenths of a second: a timer is no finer than a few milliseconds.
if (options.changes !== "0") setInterval(() => {
  for (let n = 0; n < Number(options.changes) / 10; n++) something();
}, 100);
