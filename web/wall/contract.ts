// What the wall reads from /api/v1. Members that the page can do without are optional: fields may be added and unknown ones are ignored.

export type Tier = "red" | "orange" | "yellow" | "green";
export type TierState = "provisional" | "confirmed" | "unassessed" | null;

export interface WallTile {
  id: string;
  node: string;
  door: string;
  tier: Tier;
  state: TierState;
  /** 应访日, a Shanghai day `YYYY-MM-DD`; null where nobody is visited. */
  dueDay: string | null;
  lastVisitDay: string | null;
}

export interface WallAnswer {
  version: string;
  tiles: WallTile[];
}

export interface WallChanges {
  version: string;
  /** One row a recorded change, in version order. */
  changed: (WallTile & { version: string })[];
  removed: { id: string; version: string }[];
}

export interface GridNode {
  id: string;
  name: string;
  level: string;
  /** Labels from the top, joined with dots. */
  path: string;
}

/** Hub message `tilesChanged`: enough to paint, never enough to settle. */
export interface TilesChanged {
  root: string;
  version: string;
  tiles: { id: string; tier: Tier; state: TierState; version: string }[];
}

export interface DisplaySession {
  nodeId: string;
  mode: "staff" | "hall";
}

export interface Me {
  deployment?: { title?: string };
}

/** `GET /households/{id}`: one call for the household page. */
export interface Household {
  id: string;
  node: string;
  door: string;
  tier: Tier;
  state: TierState;
  registerStatus?: string;
  occupancy?: string;
  dueDay: string | null;
  lastVisitDay: string | null;
  people: { id: string; name: string; isHead?: boolean; age?: number | null }[];
  leader: { name: string; title?: string } | null;
  visits: { id: string; kind: string; visitedAt: string; visitor?: string | null; counted?: boolean }[];
  measures: { id: string; kind: string; openedOn: string; finishedOn?: string | null; responsible?: string | null }[];
}

/** `GET /households/{id}/tier`: the decision sheet. */
export interface DecisionSheet {
  day: string;
  ruleSet: string;
  /** One plain sentence for the resident. */
  sentence: string;
  reasons: {
    rule: string;
    tier: Tier;
    text?: string;
    threshold: string | null;
    facts: { fact: string; label?: string; value: string | null; sources: { day: string | null; source: string | null; kind?: string }[] }[];
  }[];
  blockers: { id: string; missing: string }[];
}
