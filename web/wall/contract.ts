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
  /** There is more after `version`: ask again from there. */
  more?: boolean;
}

export interface GridNode {
  id: string;
  name: string;
  level: string;
  /** Labels from the top, joined with dots. */
  path: string;
  /** Order among its siblings. */
  position: number;
}

/** Hub message `tilesChanged`: enough to paint, never enough to settle. */
export interface TilesChanged {
  root: string;
  version: string;
  tiles: { id: string; tier: Tier; state: TierState; version: string; removed?: boolean }[];
}

export interface DisplaySession {
  nodeId: string;
  mode: "staff" | "hall";
}

export interface Me {
  /** Texts of this installation by key: `title`, `tier_red`, …. */
  deployment?: Record<string, string>;
}

/** `GET /households/{id}`: one call for the household page. */
export interface Household {
  id: string;
  door: string;
  /** From the community down to the floor. */
  nodeNames: string[];
  tier: Tier;
  state: TierState;
  engineTier: Tier;
  reasons: { rule: string; tier: Tier; text: string }[];
  /** 退出条件 that are not met yet. */
  wayOut: { id: string; missing: string }[];
  /** Never an amount. */
  income: "below_line" | "near_line" | "above_line" | "unknown";
  registerStatus: string;
  occupancy: string;
  dueDay: string | null;
  people: { id: string; name: string; isHead: boolean; age: number | null; phone: string | null; idNumber: string | null; photoUrl?: string | null }[];
  lastVisits: { day: string; kind: string; visitor: string; counted: boolean }[];
  openMeasures: { kind: string; openedOn: string; responsible: string | null }[];
  leader: { title: string; name: string; role: string; photoUrl?: string | null } | null;
  unknowns: { fact: string; tagName: string }[];
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
    text: string;
    threshold: string | null;
    facts: {
      key: string;
      name: string;
      /** In Chinese, also where nothing is known. */
      text: string;
      origins: { text: string; day: string | null; sourceText: string | null }[];
    }[];
  }[];
}
