// A phone with the mini-program on it, driven by lines of JSON: {id, run: "code in the realm"} or {id, do: "offline", with: …} are answered by
// {id, value} or {id, error}. Usage: node phone.mjs ADDRESS CODE…   (what wx.login gives, one after the other)
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { bareRealm, load, run } from "./support/realm.mjs";
import { weChat } from "./support/wx.mjs";

const DOMAIN = "https://api.example.cn";
const [address, ...codes] = process.argv.slice(2);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const complain = (...words) => say({ complaint: words.map((word) => (word instanceof Error || word?.stack ? String(word.stack) : String(word))).join(" ") });

const { realm, names } = bareRealm(complain);
const { wx, phone } = weChat(realm, { address: address.replace(/\/$/, ""), domain: DOMAIN, codes });
const at = (path) => new URL(path, import.meta.url);
const contract = load(realm, await readFile(at("../miniprogram_dist/index.js"), "utf8"), "miniprogram_dist/index.js");
// As uni-app and Taro copy wx, with what is different there: a task only where a callback is passed, a promise of a task.
const uni = { ...wx, connectSocket: (options) => (options.success || options.fail || options.complete) && wx.connectSocket(options) };
const Taro = { ...wx, connectSocket: async (options) => wx.connectSocket(options) };
const pages = [];
Object.assign(realm, { wx, uni, Taro, contract, DOMAIN, pages, Page: (page) => pages.push({ ...page, data: { ...page.data }, setData(data) { Object.assign(this.data, data); } }) });

const commands = {
  ...phone,
  names: () => names.map(String),
  /** Loads a file of the program, as `require` would. */
  load: async (path) => void load(realm, await readFile(at(path), "utf8"), path, (name) => { if (name === "miniprogram-contract") return contract; throw new Error(`no ${name}`); }),
};

process.on("unhandledRejection", complain);
for await (const text of createInterface({ input: process.stdin })) {
  const command = JSON.parse(text);
  const work = command.run === undefined ? async () => commands[command.do](command.with) : () => run(realm, command.run);
  // Not awaited: a test may run one thing while another is on its way.
  Promise.resolve().then(work).then(
    (value) => say({ id: command.id, value: value ?? null }),
    (error) => say({ id: command.id, error: String(error?.stack ?? error), api: error?.code === undefined ? null : { ...error, message: error.message } }),
  );
}
process.exit(0);
