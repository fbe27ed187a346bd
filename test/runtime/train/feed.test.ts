// A micro-batch brings what the plan's programs read of it: its share of the words, and of what is learned, by row or by position.
import { expect, test } from "vitest";
import { batches } from "../../../runtime/data/batches.ts";
import { layOut } from "../../../runtime/data/rows.ts";
import { writeMicro } from "../../../runtime/train/feed.ts";
import { documentsOf } from "../data/files.ts";
import { tinyPlan, type TinyVariable } from "../launch/tiny.ts";
import { fakeSession } from "./fake.ts";

const host = { type: "i32", kind: "io", initial: { from: "host" } } as const;
const words: TinyVariable = { name: "ids", shape: [2, 3], ...host };

test.each([
  ["targets", [2, 3], [22, 23, -100, 32, 33, -100]],
  ["labels", [2, 3], [21, 22, 23, 31, 32, 33]],
  ["classes", [2], [2, 3]],
] as const)("the second micro-batch of two: %s", async (learns, shape, expected) => {
  const documents = [0, 1, 2, 3].map((row) => {
    const ids = Int32Array.of(1, 2, 3).map((id) => id + 10 * row);
    const labels = learns === "classes" ? new Int32Array(3).fill(-100) : ids;
    return { ids, labels, ...(learns === "classes" ? { class: row } : {}) };
  });
  const rows = layOut(documentsOf(...documents), { length: 3, layout: "one", learns });
  const source = batches(rows, { rows: 4, length: 3, seed: 0, shuffle: false, learns });
  const session = fakeSession(tinyPlan([words, { name: learns, shape, ...host }], {}), {});
  await writeMicro(session, source.at(1), 1, 2);
  expect([...session.integers("ids")]).toEqual([21, 22, 23, 31, 32, 33]);
  expect([...session.integers(learns)]).toEqual(expected);
  expect(session.calls).toEqual(["write ids", `write ${learns}`]);
});
