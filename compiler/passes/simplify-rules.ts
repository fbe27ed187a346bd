// Rules of arithmetic: each looks at one node and its inputs and gives a value that can stand for the node's output.
// Every rule is exact in float64, NaN and infinities included (the sign of a zero is not kept).
import { inferTypes, isMisfit } from "../ir/build.ts";
import type { Node, Value } from "../ir/graph.ts";
import { operationOf } from "../ops/index.ts";
import type { Builder } from "../ops/operation.ts";
import { at } from "./rebuild.ts";

export interface Rule {
  /** What it does, in a few words. */
  readonly name: string;
  /** The value that stands for the node's only output, or undefined where the rule does not fit. */
  apply(node: Node, builder: Builder): Value | undefined;
}

/** The number that a constant holds everywhere, or undefined for other values. */
export function numberIn(value: Value | undefined): number | undefined {
  const number = value?.node.operation === "constant" ? value.node.attributes["value"] : undefined;
  return typeof number === "number" ? number : undefined;
}

/** A rule on one operation. */
export function on(
  operation: string,
  name: string,
  apply: (inputs: readonly Value[], node: Node, builder: Builder) => Value | undefined,
): Rule {
  return {
    name,
    apply: (node, builder) => (node.operation === operation ? apply(node.inputs, node, builder) : undefined),
  };
}

/** f(f(x)) = x. */
function involution(operation: string): Rule {
  return on(operation, `${operation} twice`, ([x]) =>
    x?.node.operation === operation ? x.node.inputs[0] : undefined,
  );
}

/** f(x, neutral) = x, and f(neutral, x) = x where `both`. */
function neutral(operation: string, number: number, both: boolean): Rule {
  return on(operation, `${operation} with ${number}`, ([a, b]) => {
    if (numberIn(b) === number) return a;
    return both && numberIn(a) === number ? b : undefined;
  });
}

/** f(x, absorbing) = absorbing. */
function absorbing(operation: string, number: number): Rule {
  return on(operation, `${operation} with ${number}`, ([a, b]) =>
    [a, b].find((value) => numberIn(value) === number),
  );
}

/** An elementwise operation on constants is a constant: computed on one element by the operation's meaning. */
const foldConstants: Rule = {
  name: "elementwise on constants",
  apply(node, builder) {
    const { evaluate, lowering } = operationOf(node.operation);
    const numbers = node.inputs.map(numberIn);
    if (lowering.kind !== "elementwise" || numbers.length === 0 || numbers.includes(undefined))
      return undefined;
    const { shape, type } = at(node.outputs, 0);
    const inputs = numbers.map((number) => ({ shape: [], data: Float64Array.of(number ?? 0) }));
    const [result] = evaluate(inputs, node.attributes, [{ shape: [], type }], [], () => []);
    const value = result?.data[0];
    if (value === undefined || isMisfit(inferTypes("constant", [], { value, type, shape: [] })))
      return undefined;
    return builder.constant(value, type, shape);
  },
};

/** A 16-bit number is the same after a cast to f32 and back. */
const castBack = on("cast", "cast to f32 and back", ([x], { outputs: [y] }) => {
  const [origin] = x?.node.operation === "cast" ? x.node.inputs : [];
  const narrow = origin?.type === "f16" || origin?.type === "bf16";
  return narrow && x?.type === "f32" && y?.type === origin.type ? origin : undefined;
});

export const arithmeticRules: readonly Rule[] = [
  foldConstants,
  neutral("add", 0, true),
  neutral("subtract", 0, false),
  neutral("multiply", 1, true),
  neutral("divide", 1, false),
  neutral("power", 1, false),
  neutral("and", 1, true),
  neutral("or", 0, true),
  absorbing("and", 0),
  absorbing("or", 1),
  involution("negate"),
  involution("not"),
  on("cast", "cast to the same type", ([x], { outputs: [y] }) => (x?.type === y?.type ? x : undefined)),
  castBack,
  on("select", "select by a constant", ([condition, a, b]) => {
    const number = numberIn(condition);
    return number === undefined ? undefined : number === 0 ? b : a;
  }),
  on("select", "select between equals", ([, a, b]) => (a === b ? a : undefined)),
  on("select", "select by a negation", ([condition, a, b], _, builder) => {
    const [plain] = condition?.node.operation === "not" ? condition.node.inputs : [];
    return plain && a && b && builder.apply("select", [plain, b, a]);
  }),
];

/** What may go once gradients have been built. */
export const differentiatedRules: readonly Rule[] = [
  on("stop_gradient", "stop_gradient after differentiation", ([x]) => x),
];
