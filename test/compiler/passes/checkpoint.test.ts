import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { apply } from "../../../compiler/ir/build.ts";
import { bytesOf, sizeOf, topological, type Region, type Value } from "../../../compiler/ir/graph.ts";
import { validateRegion } from "../../../compiler/ir/validate.ts";
import { cheapestCut } from "../../../compiler/passes/checkpoint-cut.ts";
import { ladderOf } from "../../../compiler/passes/checkpoint-ladder.ts";
import { segment } from "../../../compiler/passes/checkpoint-segment.ts";
import {
  checkpoint,
  everyBlocks,
  keepAll,
  policyOf,
  type Checkpointing,
} from "../../../compiler/passes/checkpoint.ts";
import { differentiate } from "../../../compiler/passes/differentiate.ts";
import { joinLoops } from "../../../compiler/passes/loops.ts";
import { countOperations } from "../../../compiler/passes/rebuild.ts";
import { isRepeat, outputsOf, readRepeat, type Loop } from "../../../compiler/passes/rebuild-repeat.ts";
import { simplify } from "../../../compiler/passes/simplify.ts";
import { input, matmul, numbers, op, repeat, run, sum, total } from "./graphs.ts";
import { randomRegion } from "./random-graphs.ts";

const [tokens, width, hidden, rank] = [4, 6, 10, 2];
const silu = (x: Value): Value => op("divide", x, op("add", op("exp", op("negate", x)), 1));
const kernels = new Map([["mix", "mix_backward"]]);

/** A call with a kernel that has a backward: rows mixed by their similarity. */
function mix(q: Value, k: Value): Value {
  const [a, b] = [input("q", tokens, width), input("k", tokens, width)];
  const powers = op("exp", op("multiply", matmul(a, b, false, true), 0.1));
  const all = sum(powers, 1);
  const region = { parameters: [a, b], results: [matmul(op("divide", powers, all), b), op("log", all)] };
  return apply("call", [q, k], { function: "mix", kernel: "mix" }, [region]);
}

/** Blocks with a norm, a call, a gated layer and a trained adapter on frozen weights. */
function model(layers: number): Region {
  const x = input("x", tokens, width);
  const frozen = [
    input("query", layers, width, width),
    input("gate", layers, hidden, width),
    input("up", layers, hidden, width),
    input("down", layers, width, hidden),
  ];
  const trained = [input("a", layers, rank, hidden), input("b", layers, width, rank)];
  const { carried } = repeat({
    count: layers,
    carried: [x],
    stacked: [...frozen, ...trained],
    body(_, [h], weights) {
      const [query, gate, up, down, a, b] = weights as [Value, Value, Value, Value, Value, Value];
      const start = h as Value;
      const norm = op("multiply", start, op("rsqrt", op("add", sum(op("multiply", start, start), 1), 0.1)));
      const middle = op("add", start, mix(matmul(norm, query, false, true), norm));
      const inside = op("multiply", silu(matmul(middle, gate, false, true)), matmul(middle, up, false, true));
      const change = op(
        "add",
        matmul(inside, down, false, true),
        matmul(matmul(inside, a, false, true), b, false, true),
      );
      return { next: [op("add", middle, change)] };
    },
  });
  return { parameters: [x, ...frozen, ...trained], results: [total(op("sin", carried[0] as Value))] };
}

function trained(region: Region, checkpointing: Checkpointing): Region {
  const cut = segment(region, checkpointing.shares);
  const last = region.parameters.length - 1;
  const both = differentiate(cut, { of: 0, withRespectTo: [last - 1, last], kernelGradients: kernels });
  return simplify(joinLoops(simplify(checkpoint(simplify(both), checkpointing))));
}

/** Bytes of all stacks that one repeat of the region makes and another one takes, nested ones not counted. */
function savedBytes({ results }: Region): number {
  const order = topological(results);
  const taken = new Set(
    order.filter(isRepeat).flatMap((node) => readRepeat(node).stacked.map(({ outer }) => outer)),
  );
  const saved = order
    .filter(isRepeat)
    .flatMap((node) => outputsOf(node).collected.filter((value) => taken.has(value)));
  return saved.reduce((bytes, { shape, type }) => bytes + sizeOf(shape) * bytesOf[type], 0);
}

function expectEqual(region: Region, other: Region): void {
  const inputs = numbers(region, 3);
  const [expected, found] = [run(region, inputs), run(other, inputs)];
  expect(found).toHaveLength(expected.length);
  expected.forEach((tensor, index) => {
    expect(found[index]?.shape).toEqual(tensor.shape);
    tensor.data.forEach((value, at) =>
      expect(Math.abs((found[index]?.data[at] ?? Number.NaN) - value)).toBeLessThan(
        1e-12 + 1e-10 * Math.abs(value),
      ),
    );
  });
}

describe("checkpoint", () => {
  const region = model(5);
  const plain = differentiate(region, { of: 0, withRespectTo: [5, 6], kernelGradients: kernels });
  const none = trained(region, keepAll);
  const one = trained(region, everyBlocks(1));
  const two = trained(region, everyBlocks(2));

  it("keeps results and gradients", () => {
    for (const other of [none, one, two, trained(region, everyBlocks(3)), trained(region, everyBlocks(9))]) {
      expect(validateRegion(other, "after")).toEqual([]);
      expectEqual(plain, other);
    }
  });

  it("saves fewer bytes the longer the segments are, down to a point", () => {
    const carried = tokens * width * 4;
    expect(savedBytes(one)).toBe(5 * carried);
    // Two segments of two and one layer left over.
    expect(savedBytes(two)).toBe(3 * carried);
    expect(savedBytes(none)).toBeGreaterThan(savedBytes(one));
  });

  it("computes no product and no call twice without checkpointing", () => {
    // Forward: query, gate, up, down, two of the adapter. Backward: dB, dA and dx of the adapter (2); dx of down, up, gate, query.
    const [forward, backward] = topological(none.results)
      .filter(isRepeat)
      .map((node) => readRepeat(node));
    if (forward === undefined || backward === undefined) throw new Error("there are two repeats");
    const count = ({ carried, collected }: Loop, name: string): number =>
      topological([...carried.map(({ next }) => next), ...collected]).filter(
        ({ operation }) => operation === name,
      ).length;
    expect(count(forward, "matmul")).toBe(6);
    expect(count(forward, "call")).toBe(1);
    expect(count(backward, "matmul")).toBe(8);
    expect(count(backward, "call")).toBe(1);
    expect(count(backward, "sum")).toBe(1);
  });

  it("saves the inputs of elementwise work, not its results", () => {
    const forward = topological(none.results).find(isRepeat);
    const shapes =
      forward &&
      outputsOf(forward).collected.map(({ shape, node, index }) => [
        shape.join("x"),
        node.regions[0]?.results[index]?.node.operation,
      ]);
    expect(shapes?.map(([shape, operation]) => `${shape} ${operation}`).toSorted()).toMatchInlineSnapshot(`
      [
        "5x4x1 call",
        "5x4x1 rsqrt",
        "5x4x10 matmul",
        "5x4x10 matmul",
        "5x4x2 matmul",
        "5x4x6 call",
        "5x4x6 matmul",
        "5x4x6 parameter",
      ]
    `);
  });

  it("computes everything again at depth 0 and nothing inside a segment", () => {
    const products = (other: Region): number => countOperations(other).get("matmul") ?? 0;
    const inCalls = 2 + 5;
    expect(products(none)).toBe(6 + 8 + inCalls);
    // All but `down` and the adapter's last product, whose results no gradient needs.
    expect(products(one)).toBe(6 + 4 + 8 + inCalls + 2);
  });

  it("asks a policy value by value", () => {
    const both = simplify(plain);
    const base = policyOf(keepAll);
    const small = checkpoint(both, { ...base, savable: ({ shape }) => !shape.includes(hidden) });
    expectEqual(plain, small);
    expect(savedBytes(small)).toBeLessThan(savedBytes(none));
    expect(savedBytes(small)).toBeGreaterThan(savedBytes(one));
    const all = policyOf(everyBlocks(1));
    const isCall = ({ node }: Value): boolean => node.operation === "call";
    const kept = simplify(
      checkpoint(both, {
        savable: (value, where) => isCall(value) || all.savable(value, where),
        again: (value, where) => (isCall(value) ? Infinity : all.again(value, where)),
      }),
    );
    expectEqual(plain, kept);
    expect(countOperations(kept).get("call")).toBe(2);
    expect(countOperations(one).get("call")).toBe(3);
  });
});

describe("what is kept inside of segments", () => {
  const region = model(6);
  const plain = differentiate(region, { of: 0, withRespectTo: [5, 6], kernelGradients: kernels });
  const isCall = ({ node }: Value): boolean => node.operation === "call";
  const callsOf = (every: number, keeps: (value: Value) => boolean): Region => {
    const policy = { ...policyOf(everyBlocks(every)), keeps };
    const cut = segment(region, everyBlocks(every).shares);
    const both = differentiate(cut, { of: 0, withRespectTo: [5, 6], kernelGradients: kernels });
    return simplify(joinLoops(simplify(checkpoint(simplify(both), policy))));
  };

  it.each([2, 3, 4])("is computed once, in segments of %i", (every) => {
    const [all, kept] = [callsOf(every, () => false), callsOf(every, isCall)];
    expect(validateRegion(kept, "after")).toEqual([]);
    expectEqual(plain, kept);
    // Of six layers, segments of four leave two that are a loop of their own.
    const loops = every === 4 ? 2 : 1;
    expect(countOperations(all).get("call")).toBe(3 * loops);
    expect(countOperations(kept).get("call") ?? 0).toBe(every === 4 ? 5 : 2);
    expect(savedBytes(kept)).toBeGreaterThan(savedBytes(all));
  });
});

describe("prices", () => {
  const region = model(6);
  const plain = differentiate(region, { of: 0, withRespectTo: [5, 6], kernelGradients: kernels });
  const rungs = ladderOf(simplify(plain), { flopBytes: 1 });
  const saved = rungs.map(({ price }) =>
    savedBytes(trained(region, { shares: [{ layers: Infinity, every: 1, price }], flopBytes: 1 })),
  );

  it("make a ladder from no recomputation to all of it, each rung fewer bytes for more work, at a falling price", () => {
    expect(rungs.length).toBeGreaterThan(3);
    expect(saved[0]).toBe(savedBytes(trained(region, keepAll)));
    expect(saved.at(-1)).toBe(savedBytes(trained(region, everyBlocks(1))));
    for (const [at, rung] of rungs.slice(1).entries()) {
      const before = rungs[at];
      expect(rung.bytes).toBeLessThan(before?.bytes ?? 0);
      expect(rung.work).toBeGreaterThan(before?.work ?? Infinity);
      expect(rung.price).toBeLessThan(before?.price ?? 0);
    }
  });

  it("are asked for the bytes that the ladder foretells", () => {
    expect(saved).toEqual(rungs.map(({ bytes }) => bytes));
  });

  it("may differ between the first layers and the others", () => {
    const [most = 0, least = 0] = [saved[0], saved.at(-1)];
    for (const layers of [1, 2, 5]) {
      const mixed = trained(region, {
        shares: [
          { layers, every: 1, price: 0 },
          { layers: Infinity, every: 1, price: Infinity },
        ],
      });
      expect(validateRegion(mixed, "after")).toEqual([]);
      expectEqual(plain, mixed);
      expect(savedBytes(mixed)).toBe((layers * least + (6 - layers) * most) / 6);
    }
  });
});

describe("on any graph", () => {
  it("shares of the layers with prices of their own keep results and gradients", () => {
    const price = fc.constantFrom(0, 1e-6, 1e-4, Infinity);
    const share = fc.record({
      layers: fc.integer({ min: 1, max: 3 }),
      every: fc.integer({ min: 1, max: 3 }),
      price,
    });
    fc.assert(
      fc.property(fc.nat(), share, price, (seed, first, rest) => {
        const random = randomRegion(seed);
        const policy = { shares: [first, { layers: Infinity, every: 1, price: rest }] };
        const plain = differentiate(random, { of: 0, withRespectTo: [0, 1, 2, 3] });
        const cut = differentiate(segment(random, policy.shares), { of: 0, withRespectTo: [0, 1, 2, 3] });
        const done = simplify(joinLoops(simplify(checkpoint(simplify(cut), policy))), {
          differentiated: true,
        });
        expect(validateRegion(done, "done")).toEqual([]);
        expectEqual(plain, done);
      }),
      { numRuns: 100, seed: 11 },
    );
  });

  it("all passes together keep results and gradients", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 3 }), (seed, every) => {
        const random = randomRegion(seed);
        const plain = differentiate(random, { of: 0, withRespectTo: [0, 1, 2, 3] });
        expect(validateRegion(plain, "differentiated")).toEqual([]);
        const policy = every === 0 ? keepAll : everyBlocks(every);
        const cut = differentiate(segment(random, policy.shares), { of: 0, withRespectTo: [0, 1, 2, 3] });
        const saved = checkpoint(simplify(cut), policy);
        expect(validateRegion(saved, "checkpointed")).toEqual([]);
        const joined = joinLoops(simplify(saved));
        expect(validateRegion(joined, "joined")).toEqual([]);
        const done = simplify(joined, { differentiated: true });
        expect(validateRegion(done, "simplified")).toEqual([]);
        expectEqual(plain, done);
        expectEqual(plain, checkpoint(plain, policy));
      }),
      { numRuns: 200, seed: 7 },
    );
  });
});

describe("segment", () => {
  it("keeps stacked results and their order, with what is left over", () => {
    const [x, w] = [input("x", 3), input("w", 7, 3)];
    const { carried, collected } = repeat({
      count: 7,
      carried: [x],
      stacked: [w],
      body: (_, [h], [slice]) => ({
        next: [op("sin", op("add", h as Value, slice as Value))],
        collected: [op("multiply", h as Value, slice as Value)],
      }),
    });
    const region = { parameters: [x, w], results: [carried[0] as Value, collected[0] as Value] };
    for (const every of [2, 3, 6]) {
      const cut = segment(region, everyBlocks(every).shares);
      expect(validateRegion(cut, "after")).toEqual([]);
      expectEqual(region, cut);
      expect(countOperations(cut).get("repeat")).toBe(3);
    }
    expect(countOperations(segment(region, everyBlocks(1).shares)).get("repeat")).toBe(1);
    expect(segment(region, everyBlocks(7).shares)).toBe(region);
  });
});

describe("nested repeats without checkpointing", () => {
  it("save the inner stacks in the outer ones", () => {
    const [x, w] = [input("x", 1, 3), input("w", 2, 3, 3, 3)];
    const { carried } = repeat({
      count: 2,
      carried: [x],
      stacked: [w],
      body: (_, [h], [weights]) => {
        const inner = repeat({
          count: 3,
          carried: [h as Value],
          stacked: [weights as Value],
          body: (_c, [k], [weight]) => ({ next: [op("sin", matmul(k as Value, weight as Value))] }),
        });
        return { next: [op("tanh", inner.carried[0] as Value)] };
      },
    });
    const region = { parameters: [x, w], results: [total(carried[0] as Value)] };
    const both = differentiate(region, { of: 0, withRespectTo: [0, 1] });
    const saved = simplify(joinLoops(simplify(checkpoint(simplify(both), keepAll))));
    expectEqual(both, saved);
    expect(countOperations(saved).get("repeat")).toBe(4);
    expect(countOperations(saved).get("matmul")).toBe(3);
  });
});

describe("cheapestCut", () => {
  const vertex = (cost: number, from: number[], source = false, needed = false) => ({
    cost,
    from,
    again: source ? Infinity : 0,
    needed,
  });

  it("takes the narrow place, and of equals the last", () => {
    // Two products of 8 are added (8) and then reduced to 1, which is needed; so is one product.
    const diamond = [
      vertex(8, [], true),
      vertex(8, [], true),
      vertex(8, [0, 1]),
      vertex(1, [2], false, true),
    ];
    expect([...cheapestCut(diamond).saved]).toEqual([3]);
    expect([
      ...cheapestCut(diamond.map((item, index) => (index === 0 ? { ...item, needed: true } : item))).saved,
    ]).toEqual([0, 3]);
    const chain = [vertex(4, [], true), vertex(4, [0]), vertex(4, [1], false, true)];
    expect([...cheapestCut(chain).saved]).toEqual([2]);
  });

  it("saves nothing that can be had for nothing", () => {
    expect([...cheapestCut([vertex(4, []), vertex(4, [0], false, true)]).saved]).toEqual([]);
  });
});
