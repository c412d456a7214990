// What the wall reads from /api/v1, as the contract has it.
import type { Schemas } from "../../miniprogram-contract/src/contract";

export type { Tier, TierState, TilesChanged, WallAnswer, WallChanges, WallTile } from "../../miniprogram-contract/src/contract";
export type CreateTicketResponse = Schemas["CreateTicketResponse"];
export type DecisionSheet = Schemas["ReadDecisionSheetResponse"];
/** A wall with doors is told which one it is; a hall's is not. */
export type DisplaySession = Schemas["ReadDisplayResponse"] & { nodeId: string };
/** Where a node hangs is in its path. */
export type GridNode = Omit<Schemas["ListGridNodesNode"], "parentId">;
export type Household = Schemas["ReadHouseholdResponse"];
export type Me = Schemas["ReadMeResponse"];
