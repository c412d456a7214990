import type { Tier } from "./contract";

// The compact wall: two bits a tile instead of a hundred bytes. What stands where (household, floor, door) is the layout, which hardly ever
// changes and is fetched once for each of its versions.

/** Ask for it with this content type. */
export const WALL_TIERS = "application/vnd.backend.wall-tiers; v=1";
/** By the number that two bits are. */
const TIERS: readonly Tier[] = ["red", "orange", "yellow", "green"];
const LINE_END = 10;

export interface WallTiers {
  /** Which layout the tiers are in the order of. */
  layoutVersion: string;
  /** The wall's version, to follow on from. */
  version: string;
  tiers: Tier[];
}

/** `W1 {layoutVersion} {version} {count}\n`, then four tiles a byte, the lowest bits first. */
export function decodeTiers(data: ArrayBuffer): WallTiers {
  const bytes = new Uint8Array(data);
  const end = bytes.indexOf(LINE_END);
  const [mark, layoutVersion, version, count] = String.fromCharCode(...bytes.subarray(0, end)).split(" ") as [string, string, string, string];
  if (mark !== "W1" || bytes.length !== end + 1 + Math.ceil(+count / 4)) throw new TypeError("No wall of form W1");
  const tiers = Array.from({ length: +count }, (_, i) => TIERS[(bytes[end + 1 + (i >> 2)]! >> ((i & 3) << 1)) & 3]!);
  return { layoutVersion, version, tiers };
}
