// `wx` over Node's own http and `ws`, behaving as the platform does where a client could get it wrong: any status is a success, bodies are parsed,
// PATCH is refused, ten requests and five sockets at once, no status of a refused socket, headers in any case, silence in the background.
import http from "node:http";
import vm from "node:vm";
import WebSocket from "ws";

const METHODS = ["OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT"];
const MOST_REQUESTS = 10;
const MOST_SOCKETS = 5;

/**
 * @param realm Where callbacks and what they receive belong.
 * @param domain The address that the program is written for; requests to it go to `address`.
 */
export function weChat(realm, { address, domain, codes }) {
  const inRealm = (code) => vm.runInContext(code, realm);
  const parse = inRealm("(text) => JSON.parse(text)");
  const bufferOf = inRealm("(length) => new Uint8Array(length)");
  const storage = new Map();
  const requests = new Set();
  const sockets = new Set();
  const shown = [];
  const network = [];
  /** What happened, for the test to look at. */
  const seen = { requests: [], mostRequests: 0, mostSockets: 0, toasts: [], modals: [] };
  let background = false;
  let offline = false;
  let lose = "";
  let refusal = null;
  let logins = 0;

  const real = (url) => url.replace(domain.replace(/^http/, "ws"), address.replace(/^http/, "ws")).replace(domain, address);
  const later = (callback, argument) => callback && setImmediate(() => callback(argument));

  function request(options) {
    const method = (options.method || "GET").toUpperCase();
    const entry = { fail: undefined, outgoing: undefined };
    let over = false;
    const end = (callback, argument) => {
      if (over) return;
      over = true;
      requests.delete(entry);
      later(callback, argument);
      later(options.complete, argument);
    };
    entry.fail = (errMsg) => {
      end(options.fail, { errMsg });
      entry.outgoing?.destroy();
    };
    const refuse = (errMsg) => {
      setImmediate(() => entry.fail(errMsg));
      return { abort: () => undefined };
    };
    if (!METHODS.includes(method)) return refuse(`request:fail invalid method ${method}`);
    if (background) return refuse("request:fail interrupted");
    if (offline) return refuse("request:fail ");
    if (requests.size >= MOST_REQUESTS) return refuse("request:fail exceed max task count");
    requests.add(entry);
    seen.mostRequests = Math.max(seen.mostRequests, requests.size);

    const url = new URL(real(options.url));
    seen.requests.push({ method, path: url.pathname + url.search, key: options.header?.["Idempotency-Key"] });
    const header = { "content-type": "application/json", ...options.header };
    for (const name of Object.keys(header)) if (name.toLowerCase() === "referer") delete header[name];
    entry.outgoing = http.request(url, { method, headers: header, timeout: options.timeout ?? 60_000 }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => {
        const body = Buffer.concat(chunks);
        if (lose !== "" && url.pathname.includes(lose)) {
          lose = "";
          return entry.fail("request:fail errcode:-101 cronet_error_code:-101");
        }
        if (refusal !== null && url.pathname.includes(refusal.path)) {
          const { status, problem } = refusal;
          refusal = null;
          return end(options.success, { statusCode: status, header: {}, cookies: [], data: parse(JSON.stringify(problem)), errMsg: "request:ok" });
        }
        const headers = {};
        for (const [name, value] of Object.entries(answer.headers)) headers[Object.keys(headers).length % 2 === 0 ? name.toUpperCase() : name] = String(value);
        end(options.success, { statusCode: answer.statusCode, header: headers, cookies: [], data: bodyFor(options, body), errMsg: "request:ok" });
      });
    });
    entry.outgoing.on("timeout", () => entry.fail("request:fail timeout"));
    entry.outgoing.on("error", () => entry.fail("request:fail "));
    if (options.data !== undefined && method !== "GET") entry.outgoing.write(typeof options.data === "string" ? options.data : JSON.stringify(options.data));
    entry.outgoing.end();
    return { abort: () => entry.fail("request:fail abort") };
  }

  function bodyFor(options, body) {
    if (options.responseType === "arraybuffer") {
      const bytes = bufferOf(body.length);
      bytes.set(body);
      return bytes.buffer;
    }
    const text = body.toString("utf8");
    if ((options.dataType ?? "json") !== "json") return text;
    try {
      return parse(text);
    } catch {
      return text;
    }
  }

  function connectSocket(options) {
    const on = { open: [], message: [], close: [], error: [] };
    const tell = (what, argument) => setImmediate(() => on[what].forEach((listener) => listener(argument)));
    let socket;
    const refused = background || offline || sockets.size >= MOST_SOCKETS;
    const task = {
      onOpen: (listener) => on.open.push(listener),
      onMessage: (listener) => on.message.push(listener),
      onClose: (listener) => on.close.push(listener),
      onError: (listener) => on.error.push(listener),
      send: ({ data, success, fail }) => {
        if (socket?.readyState !== WebSocket.OPEN) return later(fail, { errMsg: "sendSocketMessage:fail taskID not exist" });
        socket.send(data);
        later(success, { errMsg: "sendSocketMessage:ok" });
      },
      close: () => {
        sockets.delete(socket);
        socket?.terminate();
      },
    };
    if (refused) {
      later(options.fail, { errMsg: "connectSocket:fail " });
      later(options.complete, { errMsg: "connectSocket:fail " });
      return task;
    }
    socket = new WebSocket(real(options.url), { headers: options.header ?? {} });
    sockets.add(socket);
    seen.mostSockets = Math.max(seen.mostSockets, sockets.size);
    later(options.success, { errMsg: "connectSocket:ok" });
    later(options.complete, { errMsg: "connectSocket:ok" });
    const mine = socket;
    socket.on("open", () => tell("open", { header: {} }));
    socket.on("message", (data, binary) => tell("message", { data: binary ? data : data.toString("utf8") }));
    // Why it was refused is not told.
    socket.on("error", () => tell("error", { errMsg: "" }));
    socket.on("close", (code) => {
      // In the background a socket may end without a word.
      if (sockets.delete(mine) && !background) tell("close", { code, reason: "" });
    });
    return task;
  }

  const wx = {
    request,
    connectSocket,
    login: ({ success, fail }) => {
      const code = background || offline ? undefined : codes[logins++];
      if (code === undefined) later(fail, { errMsg: "login:fail timeout" });
      else later(success, { code, errMsg: "login:ok" });
    },
    getStorageSync: (key) => storage.get(key) ?? "",
    setStorageSync: (key, data) => void storage.set(key, data),
    removeStorageSync: (key) => void storage.delete(key),
    onAppShow: (listener) => void shown.push(listener),
    onNetworkStatusChange: (listener) => void network.push(listener),
    showToast: ({ title }) => void seen.toasts.push(title),
    showModal: ({ title, content }) => void seen.modals.push({ title, content }),
  };

  const cutAll = () => {
    for (const socket of sockets) socket.terminate();
  };
  /** What can be done to a phone from outside. */
  const phone = {
    seen: () => ({ ...seen, storage: Object.fromEntries(storage), logins, openSockets: sockets.size }),
    forget: () => void (seen.requests.length = 0),
    /** The network is gone: connections are cut, new ones fail. */
    offline: () => {
      offline = true;
      cutAll();
      for (const entry of [...requests]) entry.fail("request:fail ");
    },
    online: () => void (offline = false),
    networkChanged: () => network.forEach((listener) => listener({ isConnected: true, networkType: "wifi" })),
    cut: cutAll,
    background: () => {
      background = true;
      cutAll();
      sockets.clear();
      for (const entry of [...requests]) entry.fail("request:fail interrupted");
    },
    foreground: () => {
      background = false;
      shown.forEach((listener) => listener({}));
    },
    /** The next answer of a path is lost on its way. */
    lose: (part) => void (lose = part),
    /** The next answer of a path is this refusal. */
    refuse: (next) => void (refusal = next),
  };
  return { wx, phone };
}
