import { describe, expect, it } from "vitest";
import { apply, constant } from "../../../compiler/ir/build.ts";
import { topological, type Region, type Value } from "../../../compiler/ir/graph.ts";
import { validateRegion } from "../../../compiler/ir/validate.ts";
import { differentiate } from "../../../compiler/passes/differentiate.ts";
import { checkpoint, everyBlocks, keepAll } from "../../../compiler/passes/checkpoint.ts";
import { segment } from "../../../compiler/passes/checkpoint-segment.ts";
import { accumulate } from "../../../compiler/passes/accumulate.ts";
import { absorb } from "../../../compiler/passes/loops-absorb.ts";
import { joinLoops } from "../../../compiler/passes/loops.ts";
import { countOperations } from "../../../compiler/passes/rebuild.ts";
import { isRepeat } from "../../../compiler/passes/rebuild-repeat.ts";
import { simplify } from "../../../compiler/passes/simplify.ts";
import { input, matmul, numbers, op, repeat, reshape, run, stretch, sum, total } from "./graphs.ts";

const [chunks, each, width, classes] = [3, 2, 4, 7];

/** The loss in chunks over hidden states, as `causal.ftl` says it. */
function chunkedLoss(): Region {
  const [states, head, targets] = [
    input("states", chunks * each, width),
    input("head", classes, width),
    input("targets", chunks * each),
  ];
  const { collected } = repeat({
    count: chunks,
    constants: [head],
    stacked: [
      reshape(op("tanh", states), chunks, each, width),
      reshape(apply("cast", [targets], { type: "i32" }), chunks, each),
    ],
    body([weight], _, [h, t]) {
      const logits = matmul(h as Value, weight as Value, false, true);
      const top = apply("stop_gradient", [apply("max", [logits], { axes: [1] })]);
      const lse = op("add", top, op("log", sum(op("exp", op("subtract", logits, top)), 1)));
      const hit = apply("equal", [
        apply("iota", [], { shape: [each, classes], axis: 1, type: "i32" }),
        stretch(reshape(t as Value, each, 1), each, classes),
      ]);
      const picked = sum(apply("select", [hit, logits, constant(0, "f32", [each, classes])]), 1);
      return { collected: [reshape(op("subtract", lse, picked), each)] };
    },
  });
  return {
    parameters: [states, head, targets],
    results: [total(reshape(collected[0] as Value, chunks * each))],
  };
}

function expectEqual(region: Region, other: Region): void {
  const inputs = numbers(region, 3);
  const [expected, found] = [run(region, inputs), run(other, inputs)];
  expected.forEach((tensor, index) =>
    tensor.data.forEach((value, at) => expect(found[index]?.data[at]).toBeCloseTo(value, 10)),
  );
}

/** All shapes in the region, those inside repeats not counted. */
const shapesOf = ({ results }: Region): string[] =>
  topological(results).flatMap(({ outputs }) => outputs.map(({ shape }) => shape.join("x")));

describe("joinLoops", () => {
  it("computes the logits of a chunk once and never stacks them", () => {
    for (const withRespectTo of [[0], [0, 1]]) {
      const plain = differentiate(chunkedLoss(), { of: 0, withRespectTo });
      const joined = simplify(joinLoops(simplify(checkpoint(simplify(plain), keepAll))), {
        differentiated: true,
      });
      expect(validateRegion(joined, "after")).toEqual([]);
      expectEqual(plain, joined);
      expect(countOperations(joined).get("repeat")).toBe(1);
      // The logits, their gradient in the states and, where it is wanted, in the head.
      expect(countOperations(joined).get("matmul")).toBe(1 + withRespectTo.length);
      expect(
        shapesOf(joined).filter((shape) => shape.startsWith(`${chunks}x`) && shape.endsWith(`x${classes}`)),
      ).toEqual([]);
      expect(countOperations(joined).get("exp")).toBe(1);
    }
  });

  it("makes stacks that only the second repeat takes into values of the body", () => {
    const x = input("x", 3, 2);
    const first = repeat({
      count: 3,
      stacked: [x],
      body: (_, __, [s]) => ({ collected: [op("sin", s as Value)] }),
    });
    const second = repeat({
      count: 3,
      reverse: true,
      carried: [input("x", 2)],
      stacked: [first.collected[0] as Value],
      body: (_, [k], [s]) => ({ next: [op("multiply", op("add", k as Value, s as Value), 0.5)] }),
    });
    const region = {
      parameters: [x, second.carried[0]?.node.inputs[0] as Value],
      results: [second.carried[0] as Value],
    };
    const joined = joinLoops(region);
    expectEqual(region, joined);
    const [loop, ...others] = topological(joined.results).filter(isRepeat);
    expect(others).toEqual([]);
    expect(loop?.attributes).toEqual({ count: 3, constants: 0, carried: 1, reverse: true });
    expect(loop?.outputs).toHaveLength(1);
  });

  it("leaves repeats apart that depend on each other as a whole, or run in other directions", () => {
    const x = input("x", 3, 2);
    const first = repeat({
      count: 3,
      stacked: [x],
      body: (_, __, [s]) => ({ collected: [op("sin", s as Value)] }),
    });
    const scale = total(first.collected[0] as Value);
    const second = repeat({
      count: 3,
      constants: [scale],
      stacked: [x],
      body: ([c], _, [s]) => ({ collected: [op("multiply", s as Value, c as Value)] }),
    });
    const dependent = { parameters: [x], results: [second.collected[0] as Value] };
    expect(joinLoops(dependent)).toBe(dependent);

    const carry = (reverse: boolean): Value =>
      repeat({
        count: 3,
        reverse,
        carried: [constant(1, "f32", [2])],
        stacked: [x],
        body: (_, [k], [s]) => ({ next: [op("sin", op("add", k as Value, s as Value))] }),
      }).carried[0] as Value;
    const apart = { parameters: [x], results: [op("add", carry(false), carry(true))] };
    expect(joinLoops(apart)).toBe(apart);
  });
});

describe("absorb", () => {
  it("adds gradients to what is held inside the loops that make them", () => {
    const [x, w, c] = [input("x", 2, 3), input("w", 4, 3, 3), input("c", 3)];
    const { carried } = repeat({
      count: 4,
      constants: [c],
      carried: [x],
      stacked: [w],
      body: ([bias], [h], [weight]) => ({
        next: [op("sin", op("add", matmul(h as Value, weight as Value), bias as Value))],
      }),
    });
    const forward = {
      name: "micro",
      reads: ["x", "w", "c"],
      writes: ["loss"],
      region: { parameters: [x, w, c], results: [total(carried[0] as Value)] },
    };
    const trained = [
      { weight: "w", gradient: "dw" },
      { weight: "c", gradient: "dc" },
    ];
    const plain = simplify(accumulate(forward, { loss: "loss", trained }).region);
    const absorbed = simplify(absorb(plain));
    expect(validateRegion(absorbed, "after")).toEqual([]);
    expectEqual(plain, absorbed);
    const adds = ({ results }: Region): number =>
      topological(results).filter(({ operation }) => operation === "add").length;
    expect(adds(plain)).toBe(3);
    // The loss is left.
    expect(adds(absorbed)).toBe(1);
    // Through segments of two and what is left over, too: the inner loops hold the gradients' slices.
    for (const every of [2, 3]) {
      const before = (region: Region): Region => segment(region, everyBlocks(every).shares);
      const cut = simplify(accumulate(forward, { loss: "loss", trained, before }).region);
      const inside = simplify(absorb(simplify(checkpoint(cut, everyBlocks(every)))));
      expect(validateRegion(inside, "after")).toEqual([]);
      expectEqual(plain, inside);
      // The loss, and the second part of the shared gradient where two loops make it.
      expect(adds(inside)).toBe(every === 2 ? 1 : 2);
      const outer = topological(inside.results).find(
        (node) => isRepeat(node) && node.attributes["count"] === 2 && node.attributes["reverse"] === true,
      );
      if (outer !== undefined) expect(adds(outer.regions[0] ?? { parameters: [], results: [] })).toBe(0);
    }
    const [, dw, dc] = absorbed.results;
    expect([dw?.node.operation, dc?.node.operation]).toEqual(["repeat", "repeat"]);
    expect(dc?.node.inputs).toContain(absorbed.parameters[5]);
  });

  it("starts a sum from what is held although more is added later, as a tied embedding's gradient has it", () => {
    const [held, x, rows] = [input("held", 5, 2), input("x", 3, 5, 2), input("rows", 4, 2)];
    const { carried } = repeat({
      count: 3,
      carried: [constant(0, "f32", [5, 2])],
      stacked: [x],
      body: (_, [k], [s]) => ({ next: [op("add", k as Value, op("sin", s as Value))] }),
    });
    const indices = apply("cast", [apply("iota", [], { shape: [4], axis: 0, type: "f32" })], { type: "i32" });
    const late = apply("scatter_add", [rows, indices], { count: 5 });
    const region = {
      parameters: [held, x, rows],
      results: [op("add", held, op("add", carried[0] as Value, late))],
    };
    const absorbed = absorb(region);
    expect(validateRegion(absorbed, "after")).toEqual([]);
    expectEqual(region, absorbed);
    const [sum, added] = absorbed.results[0]?.node.inputs ?? [];
    expect(sum?.node.operation).toBe("repeat");
    expect(sum?.node.inputs).toContain(held);
    expect(added?.node.operation).toBe("scatter_add");
  });

  it("leaves alone what others use, and what waits for more than parameters", () => {
    const [x, y] = [input("x", 3, 2), input("y", 2, 2)];
    const looped = (stack: Value): Value =>
      repeat({ count: 3, stacked: [stack], body: (_, __, [s]) => ({ collected: [op("sin", s as Value)] }) })
        .collected[0] as Value;
    const used = looped(x);
    const late = sum(reshape(matmul(y, y), 1, 4), 1);
    const results = [used, op("add", used, x), op("add", looped(op("exp", x)), stretch(late, 3, 2))];
    const region = { parameters: [x, y], results };
    expect(absorb(region)).toBe(region);
  });
});
