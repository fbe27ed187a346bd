// Fused modules made by hand: a training step of a model with `layers` layers, shaped like the real ones (forward, head,
// backward with or without recomputation, accumulation in place, update, evaluation).
import {
  makeNode,
  type ElementType,
  type Module,
  type Node,
  type Region,
  type TensorType,
  type Value,
  type Variable,
} from "../../../compiler/ir/graph.ts";
import { originsIn } from "./span.ts";

const origin = originsIn("test.ftl", "model tiny\nadapter lora\nbatch 4\n");

export function f32(...shape: number[]): TensorType {
  return { shape, type: "f32" };
}

export function input(type: TensorType): Value {
  return only(makeNode("parameter", [], { name: "p" }, [], [type], origin("model", "")));
}

export function only(node: Node): Value {
  const [value] = node.outputs;
  if (value === undefined) throw new Error("no output");
  return value;
}

/** A fused node; its region is a stand-in, one node for each output. */
export function fused(
  label: string,
  inputs: readonly Value[],
  types: readonly TensorType[],
  inPlace: [number, number][] = [],
  path = "",
): readonly Value[] {
  const parameters = inputs.map(({ shape, type }) => input({ shape, type }));
  const results = types.map((type) =>
    only(makeNode("stand_in", parameters, {}, [], [type], origin("model", path))),
  );
  return makeNode(
    "fused",
    inputs,
    { label, inPlace },
    [{ parameters, results }],
    types,
    origin("model", path),
  ).outputs;
}

export function fuse1(
  label: string,
  inputs: readonly Value[],
  type: TensorType,
  inPlace: [number, number][] = [],
  path = "",
): Value {
  const [value] = fused(label, inputs, [type], inPlace, path);
  if (value === undefined) throw new Error("no output");
  return value;
}

export function reshape(value: Value, shape: readonly number[]): Value {
  return only(
    makeNode("reshape", [value], { shape }, [], [{ shape, type: value.type }], origin("model", "")),
  );
}

export interface LoopParts {
  readonly count: number;
  readonly constants?: readonly Value[];
  readonly carried?: readonly Value[];
  readonly stacked?: readonly Value[];
  readonly reverse?: boolean;
}

/** A repetition; `body` is given its parameters by kind and gives the next carried values and what is collected. */
export function repeat(
  { count, constants = [], carried = [], stacked = [], reverse = false }: LoopParts,
  body: (parts: { constants: Value[]; carried: Value[]; stacked: Value[] }) => {
    carried: Value[];
    collected: Value[];
  },
): { carried: readonly Value[]; collected: readonly Value[] } {
  const inner = {
    constants: constants.map(input),
    carried: carried.map(input),
    stacked: stacked.map(({ shape, type }) => input({ shape: shape.slice(1), type })),
  };
  const made = body(inner);
  const region: Region = {
    parameters: [...inner.constants, ...inner.carried, ...inner.stacked],
    results: [...made.carried, ...made.collected],
  };
  const types = [
    ...made.carried.map(({ shape, type }) => ({ shape, type })),
    ...made.collected.map(({ shape, type }) => ({ shape: [count, ...shape], type })),
  ];
  const attributes = { count, constants: constants.length, carried: carried.length, reverse };
  const node = makeNode(
    "repeat",
    [...constants, ...carried, ...stacked],
    attributes,
    [region],
    types,
    origin("model", ""),
  );
  return { carried: node.outputs.slice(0, carried.length), collected: node.outputs.slice(carried.length) };
}

export function variable(
  name: string,
  kind: Variable["kind"],
  shape: readonly number[],
  more: Partial<Variable> = {},
): Variable {
  const type: ElementType = "f32";
  return {
    name,
    kind,
    shape,
    type,
    stack: false,
    initial: { from: "zero" },
    origin: origin("adapter", name),
    ...more,
  };
}

/** A program from what it reads and what it writes; `body` is given the values of the variables it reads. */
export function program(
  name: string,
  reads: readonly Variable[],
  body: (values: readonly Value[]) => readonly (readonly [Variable, Value])[],
): Module["programs"][number] {
  const parameters = reads.map(({ shape, type }) => input({ shape, type }));
  const writes = body(parameters);
  return {
    name,
    reads: reads.map(({ name }) => name),
    writes: writes.map(([{ name }]) => name),
    region: { parameters, results: writes.map(([, value]) => value) },
  };
}

export interface TrainingShape {
  readonly layers: number;
  readonly tokens: number;
  readonly width: number;
  readonly inner: number;
  readonly vocabulary: number;
  readonly rank: number;
  /** Whether blocks are computed again on the way back. */
  readonly recompute: boolean;
}

/** A LoRA step: `micro` accumulates gradients in place, `update` steps the adapter, `evaluate` only the loss. */
export function training({
  layers,
  tokens,
  width,
  inner,
  vocabulary,
  rank,
  recompute,
}: TrainingShape): Module {
  const stack = (name: string, kind: Variable["kind"], ...shape: number[]): Variable =>
    variable(name, kind, [layers, ...shape], { stack: true });
  const names = (key: string): string[] =>
    Array.from({ length: layers }, (_, layer) => `model.layers.${layer}.${key}`);
  const weight = (name: string, ...shape: number[]): Variable =>
    variable(name, "weights", [layers, ...shape], {
      stack: true,
      initial: { from: "checkpoint", names: names(name) },
    });
  const wq = weight("q", width, width);
  const wup = weight("up", inner, width);
  const wdown = weight("down", width, inner);
  const norm = weight("norm", width);
  const embed = variable("embed", "weights", [vocabulary, width], {
    initial: { from: "checkpoint", names: ["embed"] },
  });
  const a = stack("A", "adapter", rank, width);
  const b = stack("B", "adapter", width, rank);
  const da = stack("A.grad", "gradients", rank, width);
  const db = stack("B.grad", "gradients", width, rank);
  const moments = [stack("A.m", "optimizer", rank, width), stack("B.m", "optimizer", width, rank)] as const;
  const ids = variable("ids", "io", [tokens], { type: "i32", initial: { from: "host" } });
  const loss = variable("loss", "io", []);
  const scalars = variable("scalars", "io", [64], { initial: { from: "host" } });
  const path = "model.layers.{i}";
  const x = f32(tokens, width);
  const h = f32(tokens, inner);

  const block = (weights: readonly Value[], input: Value): { out: Value; kept: Value[] } => {
    const [q, up, down, n, la, lb] = weights;
    if (!q || !up || !down || !n || !la || !lb) throw new Error("weights");
    const normed = fuse1("norm", [input, n], x, [], `${path}.norm`);
    const low = fuse1("lora_a", [normed, la], f32(tokens, rank), [], `${path}.q`);
    const attended = fuse1("q", [normed, q, low, lb], x, [], `${path}.q`);
    const middle = fuse1("add", [attended, input], x, [[0, 0]], path);
    const wide = fuse1("up", [middle, up], h, [], `${path}.mlp`);
    const gated = fuse1("gelu", [wide], h, [[0, 0]], `${path}.mlp`);
    const out = fuse1("down", [gated, down, middle], x, [[0, 2]], `${path}.mlp`);
    return { out, kept: [normed, low, middle, wide] };
  };
  const layerWeights = [wq, wup, wdown, norm, a, b];
  const forward = (
    values: readonly Value[],
    start: Value,
    keep: boolean,
  ): { out: Value; kept: readonly Value[] } => {
    const made = repeat({ count: layers, carried: [start], stacked: values }, ({ carried, stacked }) => {
      const [current] = carried;
      if (current === undefined) throw new Error("carry");
      const { out, kept } = block(stacked, current);
      return { carried: [out], collected: keep ? (recompute ? [current] : kept) : [] };
    });
    const [out] = made.carried;
    if (out === undefined) throw new Error("carry");
    return { out, kept: made.collected };
  };

  const micro = program("micro", [...layerWeights, embed, ids, da, db], (values) => {
    const [, , , , , , table, tokensIn, oldA, oldB] = values;
    if (!table || !tokensIn || !oldA || !oldB) throw new Error("values");
    const weights = values.slice(0, 6);
    const { out, kept } = forward(weights, fuse1("embed", [table, tokensIn], x), true);
    const logits = fuse1("head", [out, table], f32(tokens, vocabulary));
    const lossValue = fuse1("loss", [logits, tokensIn], f32());
    const dlogits = fuse1("dloss", [logits, tokensIn], f32(tokens, vocabulary), [[0, 0]]);
    const dx = fuse1("dhead", [dlogits, table], x);
    const back = repeat(
      { count: layers, carried: [dx], stacked: [...weights, ...kept, oldA, oldB], reverse: true },
      ({ carried, stacked }) => {
        const [dy] = carried;
        const own = stacked.slice(0, 6);
        const rest = stacked.slice(6);
        const [q, up, down, n, la, lb] = own;
        const gradients = rest.slice(-2);
        const [ga, gb] = gradients;
        if (!dy || !q || !up || !down || !n || !la || !lb || !ga || !gb) throw new Error("values");
        const first = rest[0];
        if (first === undefined) throw new Error("kept");
        const [normed, low, middle, wide] = recompute ? block(own, first).kept : rest;
        if (!normed || !low || !middle || !wide) throw new Error("kept");
        const dgated = fuse1("ddown", [dy, down], h, [], `${path}.mlp`);
        const dwide = fuse1(
          "dgelu",
          [dgated, wide],
          h,
          [
            [0, 0],
            [0, 1],
          ],
          `${path}.mlp`,
        );
        const dmiddle = fuse1("dup", [dwide, up, dy], x, [[0, 2]], `${path}.mlp`);
        const newB = fuse1("db", [dmiddle, low, gb], f32(width, rank), [[0, 2]], `${path}.q`);
        const dlow = fuse1("dlow", [dmiddle, lb], f32(tokens, rank), [], `${path}.q`);
        const newA = fuse1("da", [dlow, normed, ga], f32(rank, width), [[0, 2]], `${path}.q`);
        const dnormed = fuse1("dq", [dmiddle, q, dlow, la], x, [], `${path}.q`);
        const next = fuse1("dnorm", [dnormed, middle, n, dmiddle], x, [[0, 3]], `${path}.norm`);
        return { carried: [next], collected: [newA, newB] };
      },
    );
    const [newA, newB] = back.collected;
    if (!newA || !newB) throw new Error("collected");
    return [
      [loss, lossValue],
      [da, newA],
      [db, newB],
    ];
  });
  const update = program("update", [a, b, da, db, ...moments, scalars], ([va, vb, ga, gb, ma, mb, host]) => {
    if (!va || !vb || !ga || !gb || !ma || !mb || !host) throw new Error("values");
    const size = fuse1("norm2", [ga, gb], f32());
    const step = (w: Value, g: Value, m: Value): readonly Value[] =>
      fused(
        "adam",
        [w, g, m, size, host],
        [f32(...w.shape), f32(...w.shape), f32(...w.shape)],
        [
          [0, 0],
          [1, 2],
          [2, 1],
        ],
      );
    const [wa, na, za] = step(va, ga, ma);
    const [wb, nb, zb] = step(vb, gb, mb);
    if (!wa || !na || !za || !wb || !nb || !zb) throw new Error("outputs");
    return [
      [a, wa],
      [b, wb],
      [moments[0], na],
      [moments[1], nb],
      [da, za],
      [db, zb],
    ];
  });
  const evaluate = program("evaluate", [...layerWeights, embed, ids], (values) => {
    const [table, tokensIn] = values.slice(6);
    if (!table || !tokensIn) throw new Error("values");
    const { out } = forward(values.slice(0, 6), fuse1("embed", [table, tokensIn], x), false);
    const logits = fuse1("head", [out, table], f32(tokens, vocabulary));
    return [[loss, fuse1("loss", [logits, tokensIn], f32())]];
  });
  return {
    name: "tiny",
    variables: [...layerWeights, embed, da, db, ...moments, ids, loss, scalars],
    scalars: [{ name: "rate", expression: { apply: "multiply", to: [0.1, { name: "step" }] } }],
    programs: [micro, update, evaluate],
  };
}

/** The module with all variables in the host's memory that programs do not hand to the host. */
export function away(module: Module): Module {
  const variables = module.variables.map((variable): Variable =>
    variable.kind === "io" || variable.kind === "constants" ? variable : { ...variable, home: "host" },
  );
  return { ...module, variables };
}
