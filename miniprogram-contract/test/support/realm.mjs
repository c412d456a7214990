// A realm as bare as a mini-program's: ECMAScript 2018, wx, console and timers. No DOM, no Node, no eval, nothing younger than the phones.
import vm from "node:vm";

const YOUNGER = `
  for (const name of ["globalThis", "BigInt", "BigInt64Array", "BigUint64Array", "WeakRef", "FinalizationRegistry", "AggregateError", "SharedArrayBuffer", "Atomics",
    "WebAssembly", "Intl", "Iterator"]) delete this[name];
  for (const name of ["flat", "flatMap", "at", "findLast", "findLastIndex", "toSorted", "toReversed", "toSpliced", "with"]) delete Array.prototype[name];
  for (const name of ["matchAll", "replaceAll", "at", "trimStart", "trimEnd", "isWellFormed", "toWellFormed"]) delete String.prototype[name];
  for (const name of ["fromEntries", "hasOwn", "groupBy"]) delete Object[name];
  for (const name of ["allSettled", "any", "withResolvers"]) delete Promise[name];
`;

export function bareRealm(log) {
  const realm = vm.createContext(Object.create(null), { codeGeneration: { strings: false, wasm: false } });
  vm.runInContext(YOUNGER, realm);
  const names = Reflect.ownKeys(vm.runInContext("this", realm));

  // Timers are numbers, as on the platform.
  const timers = new Map();
  let last = 0;
  const keep = (timer) => {
    timers.set(++last, timer);
    return last;
  };
  const drop = (id) => {
    const timer = timers.get(id);
    timers.delete(id);
    clearTimeout(timer);
  };
  Object.assign(realm, {
    setTimeout: (run, delay) => keep(setTimeout(run, delay)),
    setInterval: (run, delay) => keep(setInterval(run, delay)),
    clearTimeout: drop,
    clearInterval: drop,
    console: { log, info: log, warn: log, error: log, debug: log },
  });
  return { realm, names };
}

/** Loads a CommonJS file as the platform does: three names, and what it leaves in exports. */
export function load(realm, code, filename, require = () => { throw new Error("no require"); }) {
  const module = { exports: vm.runInContext("({})", realm) };
  vm.compileFunction(code, ["module", "exports", "require"], { parsingContext: realm, filename })(module, module.exports, require);
  return module.exports;
}

/** Runs the body of an async function and gives what it returns. */
export function run(realm, code) {
  return vm.runInContext(`(async () => {${code}\n})()`, realm, { filename: "page.js" });
}
