// Index arithmetic: whatever is simplified means the same number, and accesses that are the identity are recognized.
import { describe, expect, test } from "vitest";
import {
  add,
  aligned,
  bounded,
  constant,
  quotient,
  ravel,
  remainder,
  scale,
  unravel,
  variable,
  type Index,
} from "../../../compiler/kernels/index.ts";
import { readIndex } from "../../../compiler/kernels/index-text.ts";
import { numbersFrom } from "./tensors.ts";

/** The number an index is where its variables have these values. */
function valueOf(index: Index, values: Readonly<Record<string, number>>): number {
  return index.terms.reduce((total, { factor, atom }) => {
    if (atom.kind === "variable") return total + factor * (values[atom.name] ?? Number.NaN);
    const inner = valueOf(atom.of, values);
    return total + factor * (atom.kind === "quotient" ? Math.floor(inner / atom.by) : inner % atom.by);
  }, index.constant);
}

const sizes = { i: 24, j: 7, k: 60 } as const;

/** A random index and the function it stands for. */
function randomIndex(
  random: () => number,
  depth: number,
): { readonly index: Index; readonly value: (values: Readonly<Record<string, number>>) => number } {
  const pick = (below: number): number => Math.floor(random() * below);
  if (depth === 0) {
    const name = (["i", "j", "k"] as const)[pick(3)] ?? "i";
    if (pick(4) === 0) {
      const number = pick(9);
      return { index: constant(number), value: () => number };
    }
    return { index: variable(name, sizes[name]), value: (values) => values[name] ?? 0 };
  }
  const a = randomIndex(random, depth - 1);
  const number = [1, 2, 3, 4, 6, 8, 12, 24][pick(8)] ?? 1;
  switch (pick(5)) {
    case 0:
      return { index: scale(a.index, number), value: (values) => a.value(values) * number };
    case 1:
      return { index: quotient(a.index, number), value: (values) => Math.floor(a.value(values) / number) };
    case 2:
      return { index: remainder(a.index, number), value: (values) => a.value(values) % number };
    default: {
      const b = randomIndex(random, depth - 1);
      return { index: add(a.index, b.index), value: (values) => a.value(values) + b.value(values) };
    }
  }
}

test("random expressions mean the number they stand for, within their range", () => {
  const random = numbersFrom(1);
  for (let round = 0; round < 3000; round++) {
    const { index, value } = randomIndex(random, 4);
    for (let sample = 0; sample < 8; sample++) {
      const values = Object.fromEntries(
        Object.entries(sizes).map(([name, size]) => [name, Math.floor(random() * size)]),
      );
      const expected = value(values);
      expect(valueOf(index, values), index.key).toBe(expected);
      expect(index.least).toBeLessThanOrEqual(expected);
      expect(index.most).toBeGreaterThanOrEqual(expected);
    }
  }
});

describe("the identity is seen", () => {
  const flat = variable("flat", 2 * 48 * 4 * 16);
  const shapes = [[2, 48, 64], [2, 48, 4, 16], [96, 64], [6144], [2, 1, 3, 16, 64], [1, 6144, 1], [12, 512]];

  test("through any reshape and back", () => {
    for (const from of shapes) {
      for (const to of shapes) {
        const there = ravel(unravel(flat, from), from);
        expect(there.key, from.join()).toBe("flat");
        expect(ravel(unravel(there, to), to).key, `${from.join()} → ${to.join()}`).toBe("flat");
      }
    }
  });

  test("from rows and columns", () => {
    const [row, column] = [variable("row", 96), variable("column", 64)];
    const here = add(scale(row, 64), column);
    for (const shape of shapes) expect(ravel(unravel(here, shape), shape).key).toBe(here.key);
    expect(quotient(here, 64).key).toBe("row");
    expect(remainder(here, 64).key).toBe("column");
  });

  test("but not where elements move", () => {
    const turned = [...unravel(flat, [96, 64])].toReversed();
    expect(ravel(turned, [64, 96]).key).not.toBe("flat");
  });
});

test("groups of four are seen through divisions", () => {
  const unit = variable("unit", 1536);
  for (let lane = 0; lane < 4; lane++) {
    const place = add(scale(unit, 4), constant(lane));
    const address = ravel(unravel(place, [96, 64]), [96, 64]);
    const column = remainder(place, 64);
    for (const index of [address, column, add(column, constant(8))])
      expect(aligned(index, 4)?.offset).toBe(lane);
    expect(aligned(add(column, constant(1)), 4)?.offset).toBe((lane + 1) % 4);
  }
  expect(aligned(variable("i", 12), 4)).toBeUndefined();
});

test("what may wrap around is left alone", () => {
  const before = add(variable("i", 10), constant(-3));
  expect(before.least).toBe(-3);
  expect(quotient(before, 2).key).toContain("/2");
  expect(bounded(before, 0, 6).least).toBe(0);
});

test("WGSL of views is read back", () => {
  const names = new Map([
    ["c0", variable("i", 24)],
    ["c1", variable("j", 7)],
  ]);
  const read = (text: string): string | undefined => readIndex(text, names)?.key;
  expect(read("(c0 * 7u + c1)")).toBe(add(scale(variable("i", 24), 7), variable("j", 7)).key);
  expect(read("((c0 * 7u + c1) / 7u)")).toBe("i");
  expect(read("(c1 - 3u)")).toBe("j+-3");
  expect(read("0u")).toBe("0");
  expect(read("c0 * c1")).toBeUndefined();
  expect(read("min(c0, 3u)")).toBeUndefined();
  expect(read("unknown + 1u")).toBeUndefined();
});
