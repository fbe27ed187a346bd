// What measured times make of a profile. The times themselves belong to no test.
import { expect, test } from "vitest";
import { decodedRowsOf } from "../../runtime/device/measure.ts";

test.each([
  { name: "decoding in the product always wins", times: [1, 2, 3, 4, 5, 6], rows: 64 },
  { name: "it wins for few rows", times: [1, 2, 3, 4, 7, 6], rows: 16 },
  { name: "a later win counts for nothing", times: [1, 2, 5, 4, 3, 6], rows: 2 },
  { name: "it never wins", times: [2, 1, 4, 3, 6, 5], rows: 1 },
  { name: "equal times are no reason to write the weight once more", times: [1, 1, 2, 2, 3, 2], rows: 16 },
])("$name", ({ times, rows }) => {
  const measured = [2, 16, 64].map((count, at) => ({
    rows: count,
    inProduct: times[2 * at] ?? Number.NaN,
    apart: times[2 * at + 1] ?? Number.NaN,
  }));
  expect(decodedRowsOf(measured)).toBe(rows);
});
