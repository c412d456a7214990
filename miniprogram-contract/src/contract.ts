// From the generated operations to what a caller writes: client.readWallChanges({ id, after }). Types only, nothing of this file is shipped as code.
import type { components, operations } from "./generated/openapi";

export type Schemas = components["schemas"];
export type OperationId = keyof operations;

export type Tier = Schemas["Tier"];
export type TierState = Schemas["TierState"] | null;
export type WallTile = Schemas["ReadWallTile"];
export type WallAnswer = Schemas["ReadWallResponse"];
export type WallChanges = Schemas["ReadWallChangesResponse"];
export type Notices = Schemas["ListNoticesResponse"];
export type SessionTokens = Schemas["SessionTokens"];

type None = Record<never, never>;
type Given<P> = [NonNullable<P>] extends [never] ? None : NonNullable<P>;

type Path<O> = O extends { parameters: { path?: infer P } } ? Given<P> : None;
type Query<O> = O extends { parameters: { query?: infer P } } ? Given<P> : None;
type Header<O> = O extends { parameters: { header?: infer P } } ? Given<P> : None;
type Body<O> = O extends { requestBody: { content: { "application/json": infer B } } } ? { body: B } : None;

/** If-Match is the revision that the change was made on; the ETag's form is the client's affair. */
type Revision<O> = "If-Match" extends keyof Header<O> ? { revision: number } : None;
/** Made by the client and kept over its retries. Give one of your own (`newKey()`) when a draft is stored and sent again later. */
type Key<O> = "Idempotency-Key" extends keyof Header<O> ? { idempotencyKey?: string } : None;

type Flat<T> = { [K in keyof T]: T[K] };
export type Input<Id extends OperationId> = Flat<Path<operations[Id]> & Query<operations[Id]> & Body<operations[Id]> & Revision<operations[Id]> & Key<operations[Id]>>;

type Success<R> = { [Status in keyof R]: Status extends 200 | 201 | 202 ? (R[Status] extends { content: { "application/json": infer A } } ? A : never) : never }[keyof R];
export type Answer<Id extends OperationId> = [Success<operations[Id]["responses"]>] extends [never] ? void : Success<operations[Id]["responses"]>;

/** One function an operation of openapi.yaml, under its operationId. Input without a required member may be left out. */
export type Operations = {
  readonly [Id in OperationId]: (...input: None extends Input<Id> ? [input?: Input<Id>] : [input: Input<Id>]) => Promise<Answer<Id>>;
};

/** Hub message `tilesChanged`: enough to paint, never enough to settle. */
export interface TilesChanged {
  root: string;
  version: string;
  tiles: { id: string; tier: Tier; state: TierState; version: string; removed?: boolean }[];
}

/** Hub message `noticeArrived`: fetch it. */
export interface NoticeArrived {
  id: string;
}

/** Hub message `resync`: there may be changes on this root that no message told. */
export interface Resync {
  root: string;
}

/** Hub message `hallChanged`, to a registered display alone: its counts are others now. */
export interface HallChanged {
  version: string;
}
