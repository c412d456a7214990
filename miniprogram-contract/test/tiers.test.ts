import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeTiers } from "../src/tiers";

const bytes = (head: string, ...rest: number[]) => new Uint8Array([...head].map((letter) => letter.charCodeAt(0)).concat(rest)).buffer;

test("the compact wall is two bits a tile in layout order, the lowest bits first", () => {
  // 0 red 1 orange 2 yellow 3 green: the first byte is green yellow orange red, the second holds one more.
  assert.deepEqual(decodeTiers(bytes("W1 L7 e1.42 5\n", 0b00_01_10_11, 0b10)), { layoutVersion: "L7", version: "e1.42", tiers: ["green", "yellow", "orange", "red", "yellow"] });
  assert.deepEqual(decodeTiers(bytes("W1 L7 e1.42 0\n")).tiers, []);
});

test("what is cut short, too long or of another form is refused", () => {
  for (const wrong of [bytes("W1 L7 e1.42 5\n", 0), bytes("W1 L7 e1.42 5\n", 0, 0, 0), bytes("W2 L7 e1.42 1\n", 0), bytes("{}"), bytes("")]) assert.throws(() => decodeTiers(wrong));
});
