// Rules on repeats: inputs that need not be inputs, carried values that need not be carried, results that need not be stacked.
// Each gives a repeat with fewer of them, and what stands for the old outputs.
import type { Region, Value } from "../ir/graph.ts";
import { sameShape } from "../ops/check.ts";
import { operationOf } from "../ops/index.ts";
import type { Builder } from "../ops/operation.ts";
import { applyAll } from "../ir/build.ts";
import { at, makeParameter, nameOf, rebuildValues, type Substitution } from "./rebuild.ts";
import { buildRepeat, type Entry, type Loop, type LoopOutputs } from "./rebuild-repeat.ts";

export interface LoopRule {
  /** What it does, in a few words. */
  readonly name: string;
  /** The values that stand for the old outputs, in their order. Undefined where the rule does not fit. */
  apply(loop: Loop, outside: Builder, simplifyBody: (body: Region) => Region): readonly Value[] | undefined;
}

/** The loop with parameters of its body replaced by other values, and the body simplified where that is wanted. */
export function substitute(loop: Loop, replaced: Substitution): Loop {
  const known: Substitution = new Map(replaced);
  for (const { inner } of [...loop.constants, ...loop.carried, ...loop.stacked])
    if (!known.has(inner)) known.set(inner, inner);
  const [nexts, collected] = [loop.carried.map(({ next }) => next), loop.collected];
  const results = rebuildValues([...nexts, ...collected], known);
  const kept = <T extends { inner: Value }>(entries: readonly T[]): T[] =>
    entries.filter(({ inner }) => !replaced.has(inner));
  return {
    ...loop,
    constants: kept(loop.constants),
    stacked: kept(loop.stacked),
    carried: loop.carried.map((carry, index) => ({ ...carry, next: at(results, index) })),
    collected: results.slice(nexts.length),
  };
}

export const inOrder = ({ carried, collected }: LoopOutputs): readonly Value[] => [...carried, ...collected];

/** A value from outside that the body can make itself: a constant or a counter. */
const sourceInside: LoopRule = {
  name: "a constant is made inside",
  apply(loop) {
    const replaced: Substitution = new Map();
    for (const { outer, inner } of loop.constants) {
      const { operation, attributes, regions, origin } = outer.node;
      if (operationOf(operation).lowering.kind === "source")
        replaced.set(inner, at(applyAll(operation, [], attributes, regions, origin), 0));
    }
    for (const { outer, inner } of loop.stacked) {
      const { operation, attributes, origin } = outer.node;
      if (operationOf(operation).lowering.kind !== "source" || attributes["axis"] === 0) continue;
      const { axis } = attributes;
      const moved = {
        ...attributes,
        shape: inner.shape,
        ...(typeof axis === "number" ? { axis: axis - 1 } : {}),
      };
      replaced.set(inner, at(applyAll(operation, [], moved, [], origin), 0));
    }
    return replaced.size === 0 ? undefined : inOrder(buildRepeat(substitute(loop, replaced)));
  },
};

const inputOnce: LoopRule = {
  name: "an input is given once",
  apply(loop) {
    const replaced: Substitution = new Map();
    for (const entries of [loop.constants, loop.stacked]) {
      const first = new Map<Value, Value>();
      for (const { outer, inner } of entries) {
        const known = first.get(outer);
        if (known === undefined) first.set(outer, inner);
        else replaced.set(inner, known);
      }
    }
    return replaced.size === 0 ? undefined : inOrder(buildRepeat(substitute(loop, replaced)));
  },
};

/** A stack made by repeating one slice: the slice is a constant. */
const equalSlices: LoopRule = {
  name: "a stack of equal slices is a constant",
  apply(loop, outside) {
    const replaced: Substitution = new Map();
    const constants: Entry[] = [];
    for (const { outer, inner } of loop.stacked) {
      const [small] = outer.node.operation === "broadcast" ? outer.node.inputs : [];
      if (small === undefined || (small.shape.length === outer.shape.length && small.shape[0] !== 1))
        continue;
      const slice = small.shape.length === outer.shape.length ? small.shape.slice(1) : small.shape;
      const value = outside.apply("reshape", [small], { shape: slice });
      const parameter = makeParameter(nameOf(inner), value);
      constants.push({ outer: value, inner: parameter });
      const { shape } = inner;
      replaced.set(
        inner,
        sameShape(slice, shape)
          ? parameter
          : at(applyAll("broadcast", [parameter], { shape }, [], outer.node.origin), 0),
      );
    }
    if (constants.length === 0) return undefined;
    const rest = substitute(loop, replaced);
    return inOrder(buildRepeat({ ...rest, constants: [...rest.constants, ...constants] }));
  },
};

const unchangedCarry: LoopRule = {
  name: "a carried value that never changes is a constant",
  apply(loop) {
    const moves = loop.carried.filter(({ inner, next }) => inner !== next);
    if (moves.length === loop.carried.length) return undefined;
    const still = loop.carried.filter(({ inner, next }) => inner === next);
    const constants = [...loop.constants, ...still.map(({ initial, inner }) => ({ outer: initial, inner }))];
    const built =
      moves.length + loop.collected.length === 0
        ? undefined
        : buildRepeat({ ...loop, constants, carried: moves });
    const carried = loop.carried.map((carry) => built?.carried[moves.indexOf(carry)] ?? carry.initial);
    return [...carried, ...(built?.collected ?? [])];
  },
};

/** Carried values that start equal and stay equal if they were: found by supposing it and looking at what the body then gives. */
const equalCarries: LoopRule = {
  name: "carried values that are always equal are one",
  apply(loop, _, simplifyBody) {
    let leaders = loop.carried.map(({ initial }) =>
      loop.carried.findIndex((other) => other.initial === initial),
    );
    for (;;) {
      if (leaders.every((leader, index) => leader === index)) return undefined;
      const replaced: Substitution = new Map();
      leaders.forEach((leader, index) => {
        if (leader !== index) replaced.set(at(loop.carried, index).inner, at(loop.carried, leader).inner);
      });
      const supposed = substitute(loop, replaced);
      const parameters = [...supposed.constants, ...supposed.carried, ...supposed.stacked].map(
        ({ inner }) => inner,
      );
      const { results } = simplifyBody({ parameters, results: supposed.carried.map(({ next }) => next) });
      const wrong = leaders.findIndex((leader, index) => results[leader] !== results[index]);
      if (wrong < 0) {
        const kept = leaders;
        const places = [...kept.keys()].filter((index) => kept[index] === index);
        const carried = places.map((index) => at(supposed.carried, index));
        const built = buildRepeat({ ...supposed, carried });
        return [...kept.map((leader) => at(built.carried, places.indexOf(leader))), ...built.collected];
      }
      // Those that turned out like this one may still be equal to each other.
      leaders = leaders.map((leader, index) =>
        leader === leaders[wrong] && results[index] === results[wrong] ? wrong : leader,
      );
    }
  },
};

const resultOnce: LoopRule = {
  name: "a result is stacked once",
  apply(loop) {
    const unique = [...new Set(loop.collected)];
    if (unique.length === loop.collected.length) return undefined;
    const built = buildRepeat({ ...loop, collected: unique });
    return [...built.carried, ...loop.collected.map((value) => at(built.collected, unique.indexOf(value)))];
  },
};

/** A result that is the same in every iteration is repeated outside; one that is a slice of a stack is that stack. */
const equalResults: LoopRule = {
  name: "a stack that needs no iteration is made outside",
  apply(loop, outside) {
    const constant = (value: Value): Value | undefined => {
      const { operation, attributes } = value.node;
      const shape = [loop.count, ...value.shape];
      const entry = loop.constants.find(({ inner }) => inner === value);
      if (entry !== undefined) return outside.apply("broadcast", [entry.outer], { shape });
      const stack = loop.stacked.find(({ inner }) => inner === value);
      if (stack !== undefined) return stack.outer;
      if (operationOf(operation).lowering.kind !== "source") return undefined;
      const { axis } = attributes;
      return outside.apply(operation, [], {
        ...attributes,
        shape,
        ...(typeof axis === "number" ? { axis: axis + 1 } : {}),
      });
    };
    const made = loop.collected.map(constant);
    if (made.every((value) => value === undefined)) return undefined;
    const varying = loop.collected.filter((_, index) => made[index] === undefined);
    const built =
      loop.carried.length + varying.length === 0 ? undefined : buildRepeat({ ...loop, collected: varying });
    let next = 0;
    return [...(built?.carried ?? []), ...made.map((value) => value ?? at(built?.collected ?? [], next++))];
  },
};

export const loopRules: readonly LoopRule[] = [
  sourceInside,
  inputOnce,
  equalSlices,
  unchangedCarry,
  equalCarries,
  resultOnce,
  equalResults,
];
