// The functions that definitions may call without importing anything. Each is one entry; what the checker says of their names and
// arguments stands in `language/builtins.ts`, and a test holds the two lists together.
import type { Span } from "../../grammar/source.ts";
import type { TensorType, Value } from "../ir/graph.ts";
import { applied, chunks } from "./chunks.ts";
import { iterate } from "./iterate.ts";
import {
  boolean,
  none,
  number,
  poison,
  type Dimension,
  type Meaning,
  type Passed,
  type Purpose,
  type TensorMeaning,
} from "./meaning.ts";
import { dropped } from "./drop.ts";
import { randomNormal, randomUniform, stepKey } from "./random.ts";
import { dimensionsOf, whole } from "./sizes.ts";
import { anonymous, asTensor, broadcast, casted, elementwise, tensor } from "./tensors.ts";
import { broadcastTo, concat, permute, reshape } from "./views.ts";
import { emit, fail, type Workspace } from "./workspace.ts";

export interface Builtin {
  readonly call: (ws: Workspace, passed: readonly Passed[], at: Span) => Meaning;
  /** For names that are values, not functions. */
  readonly constant?: Meaning;
}

type Arguments = {
  /** The argument at a place or with a name, or a mistake. */
  readonly need: (index: number, name: string) => Passed;
  readonly maybe: (name: string) => Passed | undefined;
  readonly all: readonly Passed[];
};

function builtin(
  name: string,
  run: (ws: Workspace, given: Arguments, at: Span) => Meaning,
): [string, Builtin] {
  const call: Builtin["call"] = (ws, passed, at) => {
    const all = passed.filter((argument) => argument.name === undefined);
    const maybe = (wanted: string): Passed | undefined => passed.find((argument) => argument.name === wanted);
    const need = (index: number, wanted: string): Passed =>
      all[index] ?? maybe(wanted) ?? fail("FTL0711", at, `'${name}' needs '${wanted}'`, "missing here");
    if (passed.some(({ meaning }) => meaning.kind === "poison")) return poison;
    return run(ws, { need, maybe, all }, at);
  };
  return [name, { call }];
}

/** Elementwise functions that are one operation each. */
const unary = [
  "exp",
  "log",
  "sqrt",
  "rsqrt",
  "tanh",
  "erf",
  "sin",
  "cos",
  "abs",
  "sign",
  "floor",
  "ceil",
  "round",
];

/** Functions of the bits of u32 words; other numbers are made whole. */
const bitwise = ["shift_left", "shift_right", "bit_and", "bit_or", "bit_xor"];

function axisOf(over: Passed | undefined, dimensions: readonly Dimension[]): number | undefined {
  if (over === undefined) return undefined;
  const { meaning, span } = over;
  if (meaning.kind === "number" && meaning.dimension !== undefined) {
    const axes = dimensions.flatMap((dimension, axis) => (dimension === meaning.dimension ? [axis] : []));
    const [axis] = axes;
    if (axis !== undefined && axes.length === 1) return axis;
    return fail(
      "FTL0716",
      span,
      `'${meaning.dimension.label}' is not one axis of this tensor`,
      axes.length === 0 ? "no such axis" : "more than one axis",
    );
  }
  const axis = whole(meaning, span);
  const place = axis < 0 ? axis + dimensions.length : axis;
  if (place < 0 || place >= dimensions.length)
    fail("FTL0716", span, `a tensor of ${dimensions.length} axes has no axis ${axis}`, "no such axis");
  return place;
}

/** Reduces one axis, which stays with size 1, or with no axis named all of them, to a scalar. */
function reduced(
  ws: Workspace,
  operation: "sum" | "max",
  given: Arguments,
  at: Span,
): { meaning: Meaning; count: number } {
  const { value, dimensions } = asTensor(ws, given.need(0, "x").meaning, at);
  const axis = axisOf(given.maybe("over"), dimensions);
  const axes = axis === undefined ? dimensions.map((_, index) => index) : [axis];
  const float = operation === "sum" && value.type !== "u32" ? casted(ws, value, "f32", at) : value;
  const folded = axes.length === 0 ? float : emit(ws, at, operation, [float], { axes });
  const count = axes.reduce((product, each) => product * (dimensions[each]?.size ?? 1), 1);
  if (axis !== undefined)
    return {
      meaning: tensor(
        folded,
        dimensions.map((d, index) => (index === axis ? anonymous(1, at) : d)),
      ),
      count,
    };
  return { meaning: tensor(emit(ws, at, "reshape", [folded], { shape: [] }), []), count };
}

/** A number, or a tensor, as words of 32 bits. */
function words32(ws: Workspace, meaning: Meaning, at: Span): TensorMeaning {
  if (meaning.kind === "number")
    return tensor(emit(ws, at, "constant", [], { value: meaning.value, type: "u32", shape: [] }), []);
  const { value, dimensions } = asTensor(ws, meaning, at);
  return tensor(casted(ws, value, "u32", at), dimensions);
}

function extremum(operation: "maximum" | "minimum"): (ws: Workspace, given: Arguments, at: Span) => Meaning {
  return (ws, given, at) => {
    if (given.all.length === 1 && operation === "maximum") return reduced(ws, "max", given, at).meaning;
    return elementwise(ws, operation, [given.need(0, "a").meaning, given.need(1, "b").meaning], at);
  };
}

/** √ of the sum (`norm`) or of the mean (`rms`) of squares. */
function rootOfSquares(mean: boolean): (ws: Workspace, given: Arguments, at: Span) => Meaning {
  return (ws, given, at) => {
    const x = given.need(0, "x");
    const square = { ...x, meaning: elementwise(ws, "multiply", [x.meaning, x.meaning], at) };
    const { meaning, count } = reduced(ws, "sum", { ...given, need: () => square }, at);
    return elementwise(
      ws,
      "sqrt",
      [mean ? elementwise(ws, "divide", [meaning, number(count)], at) : meaning],
      at,
    );
  };
}

/**
 * Random numbers: with `like`, a trained tensor, in its shape and drawn anew each step, `key` telling apart several draws; else an
 * initial value, drawn in the shape that is declared.
 */
function drawn(
  ws: Workspace,
  given: Arguments,
  at: Span,
  draw: (ws: Workspace, shape: readonly number[], purpose: Purpose) => Meaning,
): Meaning {
  const like = given.maybe("like");
  if (like === undefined) {
    const first = (inside: Workspace, { shape }: TensorType, purpose: Purpose, span: Span): Value =>
      asTensor(inside, draw(inside, shape, purpose), span).value;
    return { kind: "initial", draw: (type, purpose) => first(ws, type, purpose, at) };
  }
  const { meaning, span } = like;
  if (meaning.kind !== "tensor" || meaning.trained === undefined)
    return fail("FTL0703", span, "'like' needs a tensor that trains, in a method", "not a trained tensor");
  const key = given.maybe("key");
  const { name, part } = meaning.trained;
  const purpose = {
    name: `${name} moves ${key === undefined ? 0 : whole(key.meaning, key.span)}`,
    part,
    step: stepKey(ws, at),
  };
  return { ...asTensor(ws, draw(ws, meaning.value.shape, purpose), at), dimensions: meaning.dimensions };
}

export const builtins: Readonly<Record<string, Builtin>> = Object.fromEntries([
  ...unary.map((name) =>
    builtin(name, (ws, given, at) => elementwise(ws, name, [given.need(0, "x").meaning], at)),
  ),
  builtin("whole", (ws, given, at) => words32(ws, given.need(0, "x").meaning, at)),
  builtin("float", (ws, given, at) => {
    const { value, dimensions } = asTensor(ws, given.need(0, "x").meaning, at);
    return tensor(casted(ws, value, "f32", at), dimensions);
  }),
  builtin("half", (ws, given, at) => {
    const { value, dimensions } = asTensor(ws, given.need(0, "x").meaning, at);
    return tensor(casted(ws, casted(ws, value, "f16", at), "f32", at), dimensions);
  }),
  ...bitwise.map((name) =>
    builtin(name, (ws, given, at) => {
      const words = [given.need(0, "x").meaning, given.need(1, "y").meaning].map((each) =>
        words32(ws, each, at),
      );
      const { values, dimensions } = broadcast(ws, words, at);
      return tensor(emit(ws, at, name, values), dimensions);
    }),
  ),
  builtin("max", extremum("maximum")),
  builtin("min", extremum("minimum")),
  builtin("sum", (ws, given, at) => reduced(ws, "sum", given, at).meaning),
  builtin("mean", (ws, given, at) => {
    const { meaning, count } = reduced(ws, "sum", given, at);
    return elementwise(ws, "multiply", [meaning, number(1 / count)], at);
  }),
  builtin("norm", rootOfSquares(false)),
  builtin("rms", rootOfSquares(true)),
  builtin("clamp", (ws, given, at) => {
    const above = elementwise(ws, "maximum", [given.need(0, "x").meaning, given.need(1, "low").meaning], at);
    return elementwise(ws, "minimum", [above, given.need(2, "high").meaning], at);
  }),
  builtin("select", (ws, given, at) => {
    const [condition, yes, no] = [given.need(0, "condition"), given.need(1, "yes"), given.need(2, "no")];
    return elementwise(ws, "select", [condition.meaning, yes.meaning, no.meaning], at);
  }),
  builtin("stop_gradient", (ws, given, at) => {
    const { value, dimensions } = asTensor(ws, given.need(0, "x").meaning, at);
    return tensor(emit(ws, at, "stop_gradient", [value]), dimensions);
  }),
  builtin("iota", (ws, given, at) => {
    const { meaning, span } = given.need(0, "count");
    const size = whole(meaning, span);
    const dimension = (meaning.kind === "number" ? meaning.dimension : undefined) ?? anonymous(size, span);
    return tensor(emit(ws, at, "iota", [], { shape: [size], axis: 0, type: "i32" }), [dimension]);
  }),
  builtin("reshape", (ws, given, at) => {
    const shape = given.need(1, "shape");
    return reshape(ws, given.need(0, "x").meaning, dimensionsOf(shape.meaning, shape.span), at);
  }),
  builtin("broadcast", (ws, given, at) => {
    const shape = given.need(1, "shape");
    return broadcastTo(ws, given.need(0, "x").meaning, dimensionsOf(shape.meaning, shape.span), at);
  }),
  builtin("permute", (ws, given, at) => {
    const order = given.need(1, "order");
    if (order.meaning.kind !== "list")
      return fail("FTL0703", order.span, "expected a list of axes", "not a list");
    return permute(
      ws,
      given.need(0, "x").meaning,
      order.meaning.elements.map((axis) => whole(axis, order.span)),
      at,
    );
  }),
  builtin("concat", (ws, given, at) => {
    const over = given.maybe("over");
    return concat(
      ws,
      given.all.map(({ meaning }) => meaning),
      (dimensions) => axisOf(over, dimensions) ?? 0,
      at,
    );
  }),
  builtin("size", (ws, given, at) => {
    const { dimensions } = asTensor(ws, given.need(0, "x").meaning, at);
    const dimension = dimensions[axisOf(given.need(1, "axis"), dimensions) ?? 0];
    return dimension === undefined ? poison : number(dimension.size, dimension);
  }),
  builtin("dims", (ws, given, at) => number(asTensor(ws, given.need(0, "x").meaning, at).dimensions.length)),
  builtin("uniform", (ws, given, at) => {
    const [low, high] = [given.need(0, "low").meaning, given.need(1, "high").meaning];
    return drawn(ws, given, at, (inside, shape, purpose) => {
      const unit = tensor(
        randomUniform(inside, shape, purpose, 0, at),
        shape.map((size) => anonymous(size, at)),
      );
      const width = elementwise(inside, "subtract", [high, low], at);
      return elementwise(inside, "add", [elementwise(inside, "multiply", [unit, width], at), low], at);
    });
  }),
  builtin("normal", (ws, given, at) => {
    const deviation = (given.all[0] ?? given.maybe("deviation"))?.meaning ?? number(1);
    return drawn(ws, given, at, (inside, shape, purpose) =>
      elementwise(inside, "multiply", [randomNormal(inside, shape, purpose, at), deviation], at),
    );
  }),
  builtin("drop", (ws, given, at) => {
    const [x, share] = [given.need(0, "x"), given.need(1, "share")];
    return dropped(ws, x.meaning, share, at);
  }),
  builtin("past", (ws) => ws.past ?? none),
  builtin("continues", (ws) => boolean(ws.past?.kind === "variable")),
  builtin("chunks", (ws, given, at) => {
    const [f, ...tensors] = given.all;
    const each = given.maybe("each");
    if (f?.meaning.kind !== "function")
      return fail("FTL0703", at, "'chunks' needs a function first", "not a function");
    return chunks(
      ws,
      applied(f.meaning, at),
      tensors.map(({ meaning }) => asTensor(ws, meaning, at)),
      each === undefined ? 1 : whole(each.meaning, each.span),
      at,
    );
  }),
  builtin("iterate", (ws, given, at) => {
    const f = given.need(0, "f");
    const times = given.need(2, "times");
    if (f.meaning.kind !== "function")
      return fail("FTL0703", f.span, "'iterate' needs a function first", "not a function");
    const start = asTensor(ws, given.need(1, "x").meaning, at);
    return iterate(ws, applied(f.meaning, at), start, whole(times.meaning, times.span), at);
  }),
  ["pi", { constant: number(Math.PI), call: () => poison }],
]);
