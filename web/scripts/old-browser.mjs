// Domestic desktops run browsers as old as Chrome 86. esbuild lowers syntax, but not what a page calls at run time or what a selector says:
// names that Chrome 86 does not know must not be in the built files.
import { readdir, readFile } from "node:fs/promises";

const folder = new URL("../../api/wwwroot/wall/", import.meta.url);
const YOUNGER = {
  js: ["structuredClone", "roundRect(", ".at(", "Object.hasOwn", "AbortSignal.timeout", "AbortSignal.any", "randomUUID", ".findLast(", ".toSorted(", "Promise.withResolvers", ".inert"],
  css: [":has(", ":is(", ":where(", "inset:", "aspect-ratio:", "@layer", "@container", "color-mix(", "accent-color", "dvh", "&"],
  html: [" inert", "<dialog", "popover"],
};
// Inline code and styles would need a hole in the content security policy.
const INLINE = [/<script(?![^>]*\bsrc=)/, /<style/, /\sstyle=/, /\son[a-z]+=/];

const found = [];
for (const name of await readdir(folder)) {
  const text = await readFile(new URL(name, folder), "utf8");
  for (const word of YOUNGER[name.split(".").pop()] ?? []) if (text.includes(word)) found.push(`${name}: ${word}`);
  if (name.endsWith(".html")) for (const pattern of INLINE) if (pattern.test(text)) found.push(`${name}: ${pattern}`);
}
if (found.length > 0) {
  console.error(`not in Chrome 86, or not allowed by the policy:\n${found.join("\n")}`);
  process.exitCode = 1;
}
