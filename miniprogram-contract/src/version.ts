// A wall version is opaque, with one exception that a client may use: at and below a wall root it is `{epoch}.{n}` with a gapless n.
// Above a root it is a list of versions, and then only the service can compare: `n` is NaN, which is less than nothing and greater than nothing.

export function parseVersion(text: string): { epoch: string; n: number } {
  const dot = text.indexOf(".");
  return { epoch: text.slice(0, dot), n: Number(text.slice(dot + 1)) };
}
