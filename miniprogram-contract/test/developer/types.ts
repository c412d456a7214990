// Compiled and never run: what must not compile says @ts-expect-error, and tsc complains where it would compile after all.
import { ApiError, createClient, wxHost, type Tier, type WallTile } from "miniprogram-contract";

const client = createClient({ base: "https://api.example.cn", host: wxHost(wx) });

export async function right(): Promise<unknown> {
  const me = await client.readMe();
  const title: string | undefined = me.deployment["title"];
  const wall = await client.readWall({ id: "1" });
  const tiles: WallTile[] = wall.tiles;
  const dueDay: string | null | undefined = tiles[0]?.dueDay;
  await client.listHouseholds();
  const red = await client.listHouseholds({ tier: "red", limit: 20 });
  const next: string | null = red.next;
  const revised = await client.reviseFacts({
    id: "1",
    revision: 3,
    body: { values: [{ subject: "household", subjectId: "1", tag: "last_major_event", value: "illness", observedAt: "2026-11-20" }] },
  });
  const tier: Tier = revised.tier;
  const nothing: void = await client.endSession();
  const taken = await client.acknowledgeNotice({ id: "1", idempotencyKey: "draft-1" });
  const by: string = taken.alarms[0]!.acknowledgedBy;
  return [title, dueDay, next, tier, nothing, by];
}

export async function wrong(): Promise<void> {
  // @ts-expect-error no such operation
  await client.readWalls({ id: "1" });
  // @ts-expect-error a path without its id
  await client.readWall();
  // @ts-expect-error another name
  await client.readWall({ node: "1" });
  // @ts-expect-error no such colour
  await client.listHouseholds({ tier: "purple" });
  // @ts-expect-error a number is wanted
  await client.listHouseholds({ limit: "20" });
  // @ts-expect-error the query is required
  await client.readWallChanges({ id: "1" });
  // @ts-expect-error the body is missing
  await client.reviseFacts({ id: "1", revision: 3 });
  // @ts-expect-error a change says which revision it was made on
  await client.reviseFacts({ id: "1", body: { values: [] } });
  // @ts-expect-error a member of the body is missing
  await client.reviseFacts({ id: "1", revision: 3, body: { values: [{ subject: "household" }] } });
  // @ts-expect-error a wrong enum in a body
  await client.createTicket({ body: { purpose: "door" } });
  // @ts-expect-error a read takes no key
  await client.readWall({ id: "1", idempotencyKey: "1" });
  // @ts-expect-error an answer has no such member
  (await client.readMe()).phone;
  // @ts-expect-error no such code
  if (new ApiError(0).code === "gone_fishing") return;
}
