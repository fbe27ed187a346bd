// Writes out a program as a flat list of steps: every `repeat` becomes its iterations, every value one `Held`. In: a program
// whose regions hold `fused`, `repeat`, `reshape` and `parameter` nodes. Out: steps in the order they run, and what each write
// is to hold at the end. Each region is put in order once, whatever its count.
import { inTurn } from "../ir/place.ts";
import type { Node, Program, Region, Value, Variable } from "../ir/graph.ts";
import {
  makeStep,
  naturalBytes,
  reshaped,
  roundUp,
  sliceOf,
  stackOf,
  variableHeld,
  type Held,
  type Step,
} from "./held.ts";
import { isAlias, orderRegion, rootsOf, type Order } from "./order.ts";

export interface Unrolled {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Variables (by index) and the value each is to hold; with `part`, that part of it alone. */
  readonly writes: readonly Written[];
  /** Values that some repetition collects, by the direction it runs in. */
  readonly collected: ReadonlyMap<Held, "activations" | "gradients">;
  /** How the program's outermost region was put in order, and then each body of its loops. */
  readonly orders: readonly RegionOrder[];
}

export interface RegionOrder extends Pick<Order, "rule" | "tried"> {
  /** The loop that it is the body of, by what its nodes belong to: 'model.layers.{i}', backward. */
  readonly loop?: string;
}

export interface Written {
  readonly variable: number;
  readonly part?: number;
  readonly held: Held;
}

/** What the parts of a `repeat` node are; see `ir/graph.ts`. */
interface Loop {
  readonly body: Region;
  readonly count: number;
  readonly constants: number;
  readonly carried: number;
  readonly reverse: boolean;
}

/** The programs that it stands for: itself, or one for each part of the stacks that it writes. */
export function unroll(
  program: Program,
  variables: readonly Variable[],
  alignment: number,
): readonly Unrolled[] {
  const orders = orderAll(program, alignment);
  const { parts } = program;
  if (parts === undefined) return [unrollOne(program, variables, orders, undefined)];
  return Array.from({ length: parts }, (_, part) => unrollOne(program, variables, orders, part));
}

function unrollOne(
  program: Program,
  variables: readonly Variable[],
  orders: ReadonlyMap<Region, Order>,
  part: number | undefined,
): Unrolled {
  const numberOf = new Map(variables.map((variable, index) => [variable.name, index]));
  const variable = (name: string): number => {
    const index = numberOf.get(name);
    if (index === undefined)
      throw new RangeError(`program ${program.name} names no variable of the module: ${name}`);
    return index;
  };
  const steps: Step[] = [];
  const collected = new Map<Held, "activations" | "gradients">();
  let loops = 0;

  /** Runs a region with its parameters bound; gives what its results hold. */
  const run = (region: Region, bound: readonly Held[], layer: number | undefined, loop: number): Held[] => {
    const env = new Map<Value, Held>();
    region.parameters.forEach((parameter, index) => {
      const held = bound[index];
      if (held !== undefined) env.set(parameter, held);
    });
    const hold = (value: Value): Held => {
      const known = env.get(value);
      if (known !== undefined) return known;
      const [input] = value.node.inputs;
      if (!isAlias(value.node) || input === undefined) {
        throw new RangeError(
          `program ${program.name} holds a bare ${value.node.operation}, which no kernel computes`,
        );
      }
      const made = renamed(value, value.node.inputs.map(hold));
      env.set(value, made);
      return made;
    };
    for (const node of orders.get(region)?.nodes ?? []) {
      const inputs = node.inputs.map(hold);
      let outputs: readonly Held[];
      if (node.operation === "repeat") {
        outputs = repeat(node, inputs, layer, loop);
      } else if (node.operation === "fused") {
        const step = makeStep(node, inputs, { path: pathOf(node, layer), origin: node.origin, loop });
        steps.push(step);
        outputs = step.outputs;
      } else {
        throw new RangeError(
          `program ${program.name} holds a bare ${node.operation}, which no kernel computes`,
        );
      }
      node.outputs.forEach((value, index) => {
        const held = outputs[index];
        if (held !== undefined) env.set(value, held);
      });
    }
    return region.results.map(hold);
  };

  const repeat = (node: Node, inputs: readonly Held[], outer: number | undefined, inLoop: number): Held[] => {
    const { body, count, constants, carried, reverse } = readLoop(node);
    const loop = inLoop === -1 ? loops : inLoop;
    if (inLoop === -1) loops += 1;
    const stacked = inputs.slice(constants + carried);
    const isLayers = stacked.length > 0 || body.results.length > carried;
    let carry = inputs.slice(constants, constants + carried);
    const parts: Held[][] = body.results.slice(carried).map(() => []);
    for (let turn = 0; turn < count; turn += 1) {
      const at = reverse ? count - 1 - turn : turn;
      // Blocks of layers are repetitions in a repetition; the layer's number runs through all of them.
      const layer = isLayers ? (outer ?? 0) * (outer === undefined ? 1 : count) + at : (outer ?? at);
      const slices = stacked.map((held) => sliceOf(held, at));
      const results = run(body, [...inputs.slice(0, constants), ...carry, ...slices], layer, loop);
      carry = results.slice(0, carried);
      results.slice(carried).forEach((held, index) => {
        const list = parts[index];
        if (list !== undefined) list[at] = held;
        collected.set(held, reverse ? "gradients" : "activations");
      });
    }
    const stacks = parts.map((list, index) => {
      const output = node.outputs[carried + index];
      const [first] = list;
      if (output === undefined || first === undefined)
        throw new RangeError("a repetition without iterations");
      return stackOf(list, output.shape, output.type);
    });
    return [...carry, ...stacks];
  };

  const held = new Map<string, Held>();
  const bound = program.reads.map((name, index) => {
    const parameter = program.region.parameters[index];
    const at = variable(name);
    const known = held.get(name) ?? variableHeld(at, parameter?.shape ?? [], parameter?.type ?? "f32");
    held.set(name, known);
    return known;
  });
  const results = run(program.region, bound, part, -1);
  const writes = program.writes.flatMap((name, index): readonly Written[] => {
    const value = results[index];
    if (value === undefined) return [];
    return [{ variable: variable(name), held: value, ...(part === undefined ? {} : { part }) }];
  });
  const name = part === undefined ? program.name : inTurn(program.name, part);
  return { name, steps, writes, collected, orders: ordersIn(program.region, orders) };
}

/** How a region was put in order, and the bodies of its loops as they come. */
function ordersIn(region: Region, orders: ReadonlyMap<Region, Order>, loop?: string): RegionOrder[] {
  const order = orders.get(region);
  if (order === undefined) return [];
  const { rule, tried, nodes } = order;
  const inner = nodes
    .filter(({ operation }) => operation === "repeat")
    .flatMap((node) => {
      const { body, reverse } = readLoop(node);
      const path = sharedPath((orders.get(body)?.nodes ?? []).map(({ origin }) => origin.path));
      return ordersIn(body, orders, `${path === "" ? "a loop" : `'${path}'`}${reverse ? ", backward" : ""}`);
    });
  return [{ rule, tried, ...(loop === undefined ? {} : { loop }) }, ...inner];
}

/** The names that all paths begin with; those without a path belong anywhere. */
function sharedPath(paths: readonly string[]): string {
  const [first = [], ...others] = paths.filter((path) => path !== "").map((path) => path.split("."));
  const end = first.findIndex((name, at) => others.some((other) => other[at] !== name));
  return (end === -1 ? first : first.slice(0, end)).join(".");
}

/** The value that a node outside of kernels is another name for. */
function renamed({ node, shape, type }: Value, inputs: readonly Held[]): Held {
  const [first] = inputs;
  if (first === undefined) throw new RangeError(`a bare ${node.operation} of nothing`);
  if (node.operation === "reshape") return reshaped(first, shape);
  const slices = (held: Held, from: number, count: number): Held[] =>
    Array.from({ length: count }, (_, index) => sliceOf(held, from + index));
  const { starts } = node.attributes;
  const parts = Array.isArray(starts)
    ? slices(first, Number(starts[0]), shape[0] ?? 0)
    : inputs.flatMap((held) => slices(held, 0, held.shape[0] ?? 0));
  return stackOf(parts, shape, type);
}

export function readLoop(node: Node): Loop {
  const [body] = node.regions;
  const { count, constants, carried, reverse } = node.attributes;
  if (
    body === undefined ||
    typeof count !== "number" ||
    typeof constants !== "number" ||
    typeof carried !== "number"
  ) {
    throw new TypeError("a repeat node without a body, count, constants or carried");
  }
  return { body, count, constants, carried, reverse: reverse === true };
}

function pathOf(node: Node, layer: number | undefined): string {
  return layer === undefined ? node.origin.path : inTurn(node.origin.path, layer);
}

/** Puts every region of the program in order, the inner ones first, since their peaks count in the outer ones. */
function orderAll(program: Program, alignment: number): Map<Region, Order> {
  const orders = new Map<Region, Order>();
  const bytes = (value: Value): number => roundUp(naturalBytes(value), alignment);

  const visit = (
    region: Region,
    dies: (parameter: number) => boolean,
    owned: (result: number) => boolean,
    links: readonly (readonly [number, number])[],
  ): Order => {
    const parameterOf = new Map(region.parameters.map((value, index) => [value, index]));
    const resultsOf = new Map<Value, number[]>();
    region.results.forEach((value, index) => {
      for (const root of rootsOf(value)) resultsOf.set(root, [...(resultsOf.get(root) ?? []), index]);
    });
    const linked = new Set(links.map(([parameter, result]) => `${parameter} ${result}`));
    const inside = new Map<Node, number>();
    const place = (node: Node): number => {
      const known = inside.get(node);
      if (known !== undefined) return known;
      if (node.operation !== "repeat") return 0;
      const loop = readLoop(node);
      const first = loop.constants + loop.carried;
      // A slice dies in the body where nothing outside keeps the stack; the outer account holds it whole, so it counts 0 there.
      const inner: [number, number][] = [];
      for (let index = 0; index < loop.carried; index += 1) inner.push([loop.constants + index, index]);
      for (let input = first; input < node.inputs.length; input += 1) {
        const value = node.inputs[input];
        const [root] = value === undefined ? [] : rootsOf(value);
        const parameter = root === undefined ? undefined : parameterOf.get(root);
        if (parameter === undefined) continue;
        for (let output = loop.carried; output < node.outputs.length; output += 1) {
          const made = node.outputs[output];
          const results = made === undefined ? [] : (resultsOf.get(made) ?? []);
          if (results.some((result) => linked.has(`${parameter} ${result}`))) inner.push([input, output]);
        }
      }
      const order = visit(
        loop.body,
        (parameter) => parameter >= loop.constants && parameter < first,
        (result) => result < loop.carried,
        inner,
      );
      inside.set(node, order.peak);
      return order.peak;
    };
    const order = orderRegion(region, { bytes, dies, owned, links, inside: place });
    orders.set(region, order);
    return order;
  };

  const links: [number, number][] = [];
  program.writes.forEach((name, result) => {
    const parameter = program.reads.indexOf(name);
    if (parameter !== -1) links.push([parameter, result]);
  });
  visit(
    program.region,
    () => false,
    () => false,
    links,
  );
  return orders;
}
