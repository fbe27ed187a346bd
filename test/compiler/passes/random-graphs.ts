// Random small graphs: every kind of operation that the passes have rules for, over values of few shapes, with repeats.
import { apply, constant } from "../../../compiler/ir/build.ts";
import type { Region, Value } from "../../../compiler/ir/graph.ts";
import { input, matmul, op, repeat, reshape, total, view } from "./graphs.ts";

/** A region with one scalar result and several others, the same for the same seed. */
export function randomRegion(seed: number, size = 14): Region {
  const random = makeRandom(seed);
  const parameters = [input("a", 2, 3), input("b", 2, 3), input("c", 3, 2), input("d", 2, 2, 3)];
  const made = grow(parameters, size, random, 2);
  const loss = made.slice(-4).map(total);
  return { parameters, results: [loss.reduce((sum, next) => op("add", sum, next)), ...made.slice(-3)] };
}

type Random = (below: number) => number;

function makeRandom(seed: number): Random {
  let state = (seed + 1) * 0x9e3779b1;
  return (below) => {
    state = Math.imul(state ^ (state >>> 15), 0x85ebca6b) + 0x6d2b79f5;
    return ((state ^ (state >>> 13)) >>> 0) % below;
  };
}

function grow(values: readonly Value[], size: number, random: Random, depth: number): Value[] {
  const pool = [...values];
  const pick = (fits: (value: Value) => boolean = () => true): Value | undefined => {
    const fitting = pool.filter(fits);
    return fitting.length === 0 ? undefined : fitting[random(fitting.length)];
  };
  const choices: (() => Value | readonly Value[] | undefined)[] = [
    () => unary(pick(), random),
    () => unary(pick(), random),
    () => binary(pick(), pick, random),
    () => binary(pick(), pick, random),
    () => withNumber(pick(), random),
    () => viewed(pick(), random),
    () => viewed(pick(), random),
    () => folded(pick(), random),
    () => chosen(pick(), pick, random),
    () => joined(pick(), pick, random),
    () =>
      multiplied(
        pick((value) => value.shape.length >= 2),
        pick,
        random,
      ),
    () => (depth > 0 ? looped(pick, random, depth) : undefined),
  ];
  while (pool.length < values.length + size) {
    const next = choices[random(choices.length)]?.();
    if (next !== undefined) pool.push(...("node" in next ? [next] : next));
  }
  return pool.slice(values.length);
}

type Pick = (fits?: (value: Value) => boolean) => Value | undefined;

const like =
  ({ shape }: Value) =>
  (value: Value): boolean =>
    value.shape.join() === shape.join();

function unary(x: Value | undefined, random: Random): Value | undefined {
  return x && op(["negate", "sin", "tanh", "stop_gradient", "negate"][random(5)] ?? "", x);
}

function binary(a: Value | undefined, pick: Pick, random: Random): Value | undefined {
  const b = a && pick(like(a));
  return a && b && op(["add", "subtract", "multiply", "maximum"][random(4)] ?? "", a, b);
}

function withNumber(x: Value | undefined, random: Random): Value | undefined {
  const name = ["add", "subtract", "multiply", "divide"][random(4)] ?? "";
  const number = [0, 1, 2][random(3)] ?? 0;
  if (x === undefined) return undefined;
  return random(2) === 0 && name !== "divide"
    ? op(name, number, x)
    : op(name, x, name === "divide" ? 1 + number : number);
}

function viewed(x: Value | undefined, random: Random): Value | undefined {
  if (x === undefined) return undefined;
  const axes = [...x.shape.keys()];
  const turned = axes.map((axis) => axes[(axis + 1) % axes.length] ?? 0);
  switch (random(8)) {
    case 0:
      return reshape(x, ...x.shape.toReversed());
    case 1:
      return view("permute", x, { permutation: axes.toReversed() });
    case 2:
      return view("permute", x, { permutation: turned });
    case 3:
      return view("broadcast", x, { shape: [2, ...x.shape].slice(-Math.max(3, x.shape.length)) });
    case 4:
      return view("slice", x, {
        starts: x.shape.map((size) => (size > 1 ? 1 : 0)),
        sizes: x.shape.map((size) => (size > 1 ? size - 1 : 1)),
      });
    case 5:
      return view("pad", x, {
        before: x.shape.map((size) => (size < 3 ? 1 : 0)),
        after: x.shape.map(() => 0),
      });
    case 6:
      return reshape(
        x,
        1,
        x.shape.reduce((product, next) => product * next, 1),
      );
    default:
      return x.shape.length < 4 ? reshape(x, 1, ...x.shape) : undefined;
  }
}

function folded(x: Value | undefined, random: Random): Value | undefined {
  if (x === undefined || x.shape.length === 0) return undefined;
  return view(random(3) === 0 ? "max" : "sum", x, { axes: [random(x.shape.length)] });
}

function chosen(a: Value | undefined, pick: Pick, random: Random): Value | undefined {
  const b = a && pick(like(a));
  if (a === undefined || b === undefined) return undefined;
  const condition =
    random(3) === 0 ? constant(random(2), "bool", a.shape) : apply("less", [b, constant(0, "f32", a.shape)]);
  return apply("select", [random(2) === 0 ? apply("not", [condition]) : condition, a, b]);
}

function joined(a: Value | undefined, pick: Pick, random: Random): Value | undefined {
  const b = a && a.shape.length > 0 ? pick(like(a)) : undefined;
  if (a === undefined || b === undefined) return undefined;
  const axis = random(a.shape.length);
  const both = apply("concat", [a, b], { axis });
  const starts = a.shape.map((size, at) => (at === axis ? random(2) * size : 0));
  return random(2) === 0 ? both : view("slice", both, { starts, sizes: a.shape });
}

function multiplied(a: Value | undefined, pick: Pick, random: Random): Value | undefined {
  if (a === undefined) return undefined;
  const batch = a.shape.slice(0, -2).join();
  const [transposeA, transposeB] = [random(2) === 1, random(2) === 1];
  const inner = a.shape.at(transposeA ? -2 : -1);
  const b = pick(
    ({ shape }) =>
      shape.length >= 2 &&
      shape.at(transposeB ? -1 : -2) === inner &&
      (shape.length === 2 || shape.slice(0, -2).join() === batch),
  );
  return b && matmul(a, b, transposeA, transposeB);
}

function looped(pick: Pick, random: Random, depth: number): readonly Value[] | undefined {
  const stack = pick((value) => value.shape.length >= 2 && (value.shape[0] ?? 0) > 1);
  const [carry, fixed] = [pick(), pick()];
  if (stack === undefined || carry === undefined || fixed === undefined) return undefined;
  const { carried, collected } = repeat({
    count: stack.shape[0] ?? 1,
    reverse: random(2) === 0,
    constants: [fixed, constant(random(3)), fixed],
    carried: [carry, carry, fixed],
    stacked: [stack, apply("broadcast", [fixed], { shape: [stack.shape[0] ?? 1, ...fixed.shape] })],
    body(constants, carries, slices) {
      const [first, second, still] = carries as [Value, Value, Value];
      const made = grow([...constants, ...carries, ...slices], 5, random, depth - 1);
      const change = made.findLast(like(first)) ?? first;
      const step = op("sin", op("add", change, op("multiply", first, second)));
      return { next: [step, random(2) === 0 ? step : op("sin", second), still], collected: made.slice(-2) };
    },
  });
  return [...carried, ...collected];
}
