import type { Tier, TierState } from "./contract";

// Colours as measured for normal and colour-blind sight (closest pair 19 / 15 / 14 / 15); red and green are equal in grey print,
// so the glyph is part of the code and not decoration.

export const TIERS: readonly Tier[] = ["red", "orange", "yellow", "green"];

export const SEVERITY: Record<Tier, number> = { red: 3, orange: 2, yellow: 1, green: 0 };

export const FILL: Record<Tier, string> = { red: "#cc0f0b", orange: "#d68540", yellow: "#ebd772", green: "#0d7570" };

export const INK: Record<Tier, string> = { red: "#ffffff", orange: "#0b1220", yellow: "#0b1220", green: "#ffffff" };

export const BACKGROUND = "#0b1220";

export const COLOUR_NAME: Record<Tier, string> = { red: "红色", orange: "橙色", yellow: "黄色", green: "绿色" };

export const HOUSEHOLD_NAME: Record<Tier, string> = {
  red: "重点风险监测户",
  orange: "消除风险监测户",
  yellow: "重点脱贫户",
  green: "正常脱贫户",
};

/** Takes the names that this installation gives its colours. */
export function nameHouseholds(texts: Record<string, string>): void {
  for (const tier of TIERS) HOUSEHOLD_NAME[tier] = texts[`tier_${tier}`] ?? HOUSEHOLD_NAME[tier];
}

/** 绿色 正常脱贫户; a red that nobody has settled reads 红色 待核实 and never 监测户 (glossary section 2). */
export function tierText(tier: Tier, state: TierState): string {
  if (tier === "red" && state === "provisional") return "红色 待核实";
  if (tier === "yellow" && state === "unassessed") return "黄色 待补信息";
  return `${COLOUR_NAME[tier]} ${HOUSEHOLD_NAME[tier]}`;
}

export function stateText(tier: Tier, state: TierState): string {
  if (state === "provisional") return "待核实";
  if (state === "unassessed") return "待补信息";
  return tier === "red" && state === "confirmed" ? "已核实" : "";
}

/** 13-4-104 → 13栋4单元104; another form of door stays as it is. */
export function doorText(door: string): string {
  const parts = door.split("-");
  return parts.length === 3 ? `${parts[0]}栋${parts[1]}单元${parts[2]}` : door;
}
