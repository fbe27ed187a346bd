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

/** The 16-bit value that an f32 is equal to: what a cast widened, the same views of it. */
function beforeWidening(value: Value | undefined, builder: Builder): Value | undefined {
  if (value?.type !== "f32") return undefined;
  const { operation, inputs, attributes } = value.node;
  const [source] = inputs;
  if (operation === "cast") return source?.type === "f16" || source?.type === "bf16" ? source : undefined;
  if (operationOf(operation).lowering.kind !== "view") return undefined;
  const narrow = beforeWidening(source, builder);
  return narrow && builder.apply(operation, [narrow], attributes);
}

/** A 16-bit number is the same after a cast to f32 and back. */
const castBack = on("cast", "cast to f32 and back", ([x], { outputs: [y] }, builder) => {
  if (y?.type !== "f16" && y?.type !== "bf16") return undefined;
  const narrow = beforeWidening(x, builder);
  return narrow?.type === y.type ? narrow : undefined;
});

/** What takes 16-bit operands takes them as they are. */
const narrowOperands: Rule = {
  name: "16-bit operands without a cast",
  apply({ operation, inputs, attributes }, builder) {
    if (operationOf(operation).narrow?.takes !== true) return undefined;
    const narrow = inputs.map((input) => beforeWidening(input, builder));
    if (narrow.every((input) => input === undefined)) return undefined;
    return builder.apply(
      operation,
      inputs.map((input, index) => narrow[index] ?? input),
      attributes,
    );
  },
};

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
  narrowOperands,
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
  on("cast", "exact cast after differentiation", ([x], { attributes: { type, exact } }, builder) =>
    exact === true && x !== undefined && type !== undefined
      ? builder.apply("cast", [x], { type })
      : undefined,
  ),
];
