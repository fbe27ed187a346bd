// Scalars of a step, computed in float64: at compile time on numbers, by the host on expressions over the step's numbers. The functions
// have the names of the elementwise operations, so that one name means the same at compile time, on the host and on the device.
import type { ScalarExpression } from "../ir/graph.ts";
import { toEven } from "../ops/arithmetic.ts";

type Compute = (...values: number[]) => number;

/** float64 meaning of what may be computed at compile time or by the host. */
export const arithmetic: Readonly<Record<string, Compute>> = {
  negate: (a = 0) => -a,
  exp: (a = 0) => Math.exp(a),
  log: (a = 0) => Math.log(a),
  sqrt: (a = 0) => Math.sqrt(a),
  rsqrt: (a = 0) => 1 / Math.sqrt(a),
  tanh: (a = 0) => Math.tanh(a),
  sin: (a = 0) => Math.sin(a),
  cos: (a = 0) => Math.cos(a),
  abs: (a = 0) => Math.abs(a),
  sign: (a = 0) => Math.sign(a),
  floor: (a = 0) => Math.floor(a),
  ceil: (a = 0) => Math.ceil(a),
  round: (a = 0) => toEven(a),
  add: (a = 0, b = 0) => a + b,
  subtract: (a = 0, b = 0) => a - b,
  multiply: (a = 0, b = 0) => a * b,
  divide: (a = 0, b = 0) => a / b,
  remainder: (a = 0, b = 0) => a % b,
  power: (a = 0, b = 0) => a ** b,
  maximum: (a = 0, b = 0) => Math.max(a, b),
  minimum: (a = 0, b = 0) => Math.min(a, b),
};

/** Comparisons of numbers, and what is made of their results: true is 1, false is 0. */
export const logic: Readonly<Record<string, Compute>> = {
  less: (a = 0, b = 0) => Number(a < b),
  less_equal: (a = 0, b = 0) => Number(a <= b),
  equal: (a = 0, b = 0) => Number(a === b),
  and: (a = 0, b = 0) => Number(a !== 0 && b !== 0),
  or: (a = 0, b = 0) => Number(a !== 0 || b !== 0),
  not: (a = 0) => Number(a === 0),
  select: (condition = 0, then = 0, otherwise = 0) => (condition === 0 ? otherwise : then),
};

const functions: ReadonlyMap<string, Compute> = new Map([
  ...Object.entries(arithmetic),
  ...Object.entries(logic),
]);

/** The numbers a step brings: `step`, `update`, `steps` (in all), `targets` (learned in the batch), `seed`. */
export type StepNumbers = Readonly<Record<string, number>>;

/** The value of an expression; a name or function that nobody knows is a fault of whoever made the expression. */
export function evaluateScalar(expression: ScalarExpression, numbers: StepNumbers): number {
  if (typeof expression === "number") return expression;
  if ("name" in expression) {
    const value = Object.hasOwn(numbers, expression.name) ? numbers[expression.name] : undefined;
    if (value === undefined) throw new RangeError(`the step has no number '${expression.name}'`);
    return value;
  }
  const compute = functions.get(expression.apply);
  if (compute === undefined) throw new RangeError(`no function of scalars is called '${expression.apply}'`);
  return compute(...expression.to.map((operand) => evaluateScalar(operand, numbers)));
}
