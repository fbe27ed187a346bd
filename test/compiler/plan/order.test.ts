// Orders keep inputs before their readers, lower the peak, and run a value's other readers before what writes over it.
import { describe, expect, test } from "vitest";
import { sizeOf, type Node, type Region, type Value } from "../../../compiler/ir/graph.ts";
import { orderRegion, type Surroundings } from "../../../compiler/plan/order.ts";
import { f32, fuse1, input } from "./modules.ts";

const around: Surroundings = {
  bytes: ({ shape }) => sizeOf(shape) * 4,
  dies: () => false,
  owned: () => false,
  links: [],
  inside: () => 0,
};

const label = ({ attributes }: Node): string => String(attributes["label"]);

describe("orders of a region", () => {
  test("what frees memory runs before what takes it", () => {
    const x = input(f32(1));
    const large = ["a", "b", "c"].map((name) => fuse1(name, [x], f32(1000)));
    const sums = large.map((value, at) => fuse1(`sum ${"abc"[at]}`, [value], f32(1)));
    // The result asks for the large values first, all at once.
    const region: Region = { parameters: [x], results: [fuse1("all", [x, ...sums], f32(1))] };
    const { nodes, peak } = orderRegion(region, around);
    expect(nodes.map(label)).toEqual(["a", "sum a", "b", "sum b", "c", "sum c", "all"]);
    expect(peak).toBe(4000 + 12);
  });

  test("a wide start is narrowed by taking the smallest first", () => {
    const x = input(f32(1));
    const wide = fuse1("wide", [x], f32(1000));
    const narrow = fuse1("narrow", [x], f32(10));
    const narrower = fuse1("narrower", [narrow], f32(1));
    const region: Region = { parameters: [x], results: [fuse1("end", [wide, narrower], f32(1))] };
    const order = orderRegion(region, around);
    expect(order.nodes.map(label)).toEqual(["narrow", "narrower", "wide", "end"]);
    expect(order.rule).toBe("smallest first");
    expect(order.tried.map(({ rule }) => rule)).toEqual([
      "depth first",
      "smallest first",
      "hungriest operand first",
      "backwards",
    ]);
  });

  test("of two large operands one is used up before the other is made", () => {
    // As two products of decoded weights: one feeds the other, and the first that is asked for is the last that is needed.
    const x = input(f32(10));
    const gate = fuse1("decode gate", [x], f32(1000));
    const up = fuse1("decode up", [x], f32(1000));
    const product = fuse1("up", [x, up], f32(10));
    const region: Region = { parameters: [x], results: [fuse1("gate", [x, gate, product], f32(10))] };
    const order = orderRegion(region, around);
    expect(order.nodes.map(label)).toEqual(["decode up", "up", "decode gate", "gate"]);
    expect(order.peak).toBe(4 * (1000 + 10));
    expect(order.rule).toBe("hungriest operand first");
  });

  test("a value that is wanted late is made late", () => {
    // Every order that frees memory at once begins with what only the end reads.
    const x = input(f32(500));
    const late = fuse1("late", [x], f32(400));
    const wide = fuse1("wide", [x], f32(1000));
    const sum = fuse1("sum", [wide, x], f32(1));
    const next = fuse1("next", [sum], f32(300));
    const region: Region = { parameters: [x], results: [fuse1("end", [late, next], f32(1))] };
    const order = orderRegion(region, around);
    expect(order.nodes.map(label)).toEqual(["wide", "sum", "next", "late", "end"]);
    expect(order.peak).toBe(4 * 1001);
  });

  test("readers of a value run before what is written over it", () => {
    const w = input(f32(8));
    const next = fuse1("next", [w], f32(8));
    const read = fuse1("read", [w], f32(8));
    const region: Region = { parameters: [w], results: [next, read] };
    expect(orderRegion(region, around).nodes.map(label)).toEqual(["next", "read"]);
    expect(orderRegion(region, { ...around, links: [[0, 0]] }).nodes.map(label)).toEqual(["read", "next"]);
  });

  test("a wish that cannot be met is given up", () => {
    const w = input(f32(8));
    const next = fuse1("next", [w], f32(8));
    const both = fuse1("both", [next, w], f32(8));
    const region: Region = { parameters: [w], results: [next, both] };
    expect(orderRegion(region, { ...around, links: [[0, 0]] }).nodes.map(label)).toEqual(["next", "both"]);
  });

  test("a long chain is no deep recursion", () => {
    let value: Value = input(f32(1));
    const parameters = [value];
    for (let at = 0; at < 20_000; at += 1) value = fuse1("step", [value], f32(1));
    expect(orderRegion({ parameters, results: [value] }, around).nodes.length).toBe(20_000);
  });
});
