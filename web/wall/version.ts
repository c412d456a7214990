// A wall version is opaque, with one exception that the page may use: at and below a wall root it is `{epoch}.{n}` with a gapless n.
// Above a root it is a list of versions, and then only the server can compare.

export interface Version {
  epoch: string;
  n: number;
}

const ONE_ROOT = /^([0-9A-Za-z_-]+)\.(\d{1,15})$/;

/** Null for a version of several roots. */
export function parseVersion(text: string): Version | null {
  const parts = ONE_ROOT.exec(text);
  return parts === null ? null : { epoch: parts[1]!, n: Number(parts[2]) };
}
