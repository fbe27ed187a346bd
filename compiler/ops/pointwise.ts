// Makers of elementwise records: what a row of `arithmetic.ts` or `functions.ts` says becomes a whole record. All inputs
// have one shape and one type; nothing is broadcast here (`broadcastTogether` in `build.ts` puts the views in).
// Integers wrap around at 32 bits, as on the device.
import type { Attributes, ElementType, Value } from "../ir/graph.ts";
import { INTEGERS, alike, isMisfit } from "./check.ts";
import type { Backward, Builder, Forward, Operation, Sample } from "./operation.ts";
import { sumOf } from "./tangents.ts";

/** What a one-line gradient rule is written with: the output's gradient, the output, the inputs, and arithmetic on them. */
export interface Chain {
  readonly g: Value;
  readonly y: Value;
  readonly a: Value;
  readonly b: Value;
  apply(operation: string, ...inputs: readonly Value[]): Value;
  /** A tensor of the output's shape and type filled with one number. */
  number(value: number): Value;
}

/** The gradient of one input, or undefined where it has none. */
export type Rule = ((chain: Chain) => Value) | undefined;

/** Rules for each input become a record's `gradient`; those not wanted are not run. */
function chainRule(rules: readonly Rule[]): (context: Backward) => readonly (Value | undefined)[] {
  return ({ builder, inputs, outputs, gradients, wants }) => {
    const [g] = gradients;
    const [y] = outputs;
    const [a] = inputs;
    if (g === undefined || y === undefined || a === undefined) return inputs.map(() => undefined);
    const chain = chainOf(builder, g, y, a, inputs[1] ?? a);
    return rules.map((rule, input) => (rule !== undefined && wants(input) ? rule(chain) : undefined));
  };
}

/**
 * The same rules as a record's `tangent`: element i of the output hangs on element i of the inputs alone, so that what a rule makes of
 * the output's gradient for one input is also what it makes of that input's tangent for the output.
 */
function movingBy(rules: readonly Rule[]): (context: Forward) => readonly (Value | undefined)[] {
  return ({ builder, inputs, outputs, tangents }) => {
    const [y] = outputs;
    const [a] = inputs;
    if (y === undefined || a === undefined) return [undefined];
    const parts = rules.map((rule, input) => {
      const tangent = tangents[input];
      if (rule === undefined || tangent === undefined) return undefined;
      return rule(chainOf(builder, tangent, y, a, inputs[1] ?? a));
    });
    return [sumOf({ builder }, parts)];
  };
}

function chainOf(builder: Builder, g: Value, y: Value, a: Value, b: Value): Chain {
  return {
    g,
    y,
    a,
    b,
    apply: (operation, ...operands) => builder.apply(operation, operands),
    number: (value) => builder.constant(value, y.type, y.shape),
  };
}

/** A record's derivatives in both modes. */
export function derivatives(rules: readonly Rule[]): Required<Pick<Operation, "gradient" | "tangent">> {
  return { gradient: chainRule(rules), tangent: movingBy(rules) };
}

interface Unary {
  readonly name: string;
  readonly about: string;
  readonly types: readonly ElementType[];
  /** The output's type where it is not the input's. */
  readonly gives?: ElementType;
  readonly cost: number;
  f(x: number): number;
  wgsl(x: string, type: ElementType): string;
  readonly functions?: string;
  readonly gradient?: Rule;
  /** Samples: lists of numbers to try it on. */
  readonly tries: readonly (readonly number[])[];
}

export function unary(row: Unary): Operation {
  const { name, about, types, gives, cost, f } = row;
  return {
    name,
    about,
    infer(inputs) {
      const type = alike(inputs, 1, types);
      return isMisfit(type) ? type : [{ shape: type.shape, type: gives ?? type.type }];
    },
    evaluate([x], _, [output]) {
      const source = x?.data ?? new Float64Array();
      const data = new Float64Array(source.length);
      for (let i = 0; i < data.length; i++) data[i] = f(source[i] as number);
      wrap(data, output?.type);
      return [{ shape: x?.shape ?? [], data }];
    },
    ...(row.gradient === undefined ? {} : derivatives([row.gradient])),
    lowering: {
      kind: "elementwise",
      wgsl: ([x = ""], _, type) => row.wgsl(x, type),
      ...(row.functions === undefined ? {} : { functions: row.functions }),
    },
    cost,
    samples: row.tries.flatMap((data) => types.map((type) => sampleOf(type, [data]))).filter(fits),
  };
}

interface Binary {
  readonly name: string;
  readonly about: string;
  readonly types: readonly ElementType[];
  /** The output's type where it is not the inputs' (comparisons give bool). */
  readonly gives?: ElementType;
  readonly narrow?: NonNullable<Operation["narrow"]>;
  readonly cost: number;
  f(a: number, b: number): number;
  /** The same on integers, where that is not `f` wrapped around. */
  readonly integer?: (a: number, b: number) => number;
  wgsl(a: string, b: string, type: ElementType): string;
  readonly functions?: string;
  readonly gradient?: readonly [Rule, Rule];
  readonly tries: readonly (readonly [readonly number[], readonly number[]])[];
  /** Samples for integer types alone. */
  readonly wholes?: readonly (readonly [readonly number[], readonly number[]])[];
}

export function binary(row: Binary): Operation {
  const { name, about, types, gives, cost } = row;
  return {
    name,
    about,
    infer(inputs) {
      const type = alike(inputs, 2, types);
      return isMisfit(type) ? type : [{ shape: type.shape, type: gives ?? type.type }];
    },
    evaluate([a, b], _, [output]) {
      const [left, right] = [a?.data ?? new Float64Array(), b?.data ?? new Float64Array()];
      const whole = output?.type === "i32" || output?.type === "u32";
      const f = whole ? (row.integer ?? row.f) : row.f;
      const data = new Float64Array(left.length);
      for (let i = 0; i < data.length; i++) data[i] = f(left[i] as number, right[i] as number);
      wrap(data, output?.type);
      return [{ shape: a?.shape ?? [], data }];
    },
    ...(row.gradient === undefined ? {} : derivatives(row.gradient)),
    ...(row.narrow === undefined ? {} : { narrow: row.narrow }),
    lowering: {
      kind: "elementwise",
      wgsl: ([a = "", b = ""], _, type) => row.wgsl(a, b, type),
      ...(row.functions === undefined ? {} : { functions: row.functions }),
    },
    cost,
    samples: types
      .flatMap((type) => {
        const wholes = INTEGERS.includes(type) ? (row.wholes ?? []) : [];
        return [...row.tries, ...wholes].map((data) => sampleOf(type, data));
      })
      .filter(fits),
  };
}

/** Brings the results of integer arithmetic back into 32 bits. */
function wrap(data: Float64Array, type: ElementType | undefined): void {
  if (type === "i32") for (let i = 0; i < data.length; i++) data[i] = (data[i] as number) | 0;
  if (type === "u32") for (let i = 0; i < data.length; i++) data[i] = (data[i] as number) >>> 0;
}

export function sampleOf(
  type: ElementType,
  data: readonly (readonly number[])[],
  attributes: Attributes = {},
): Sample {
  return { inputs: data.map((list) => ({ shape: [list.length], type, data: list })), attributes };
}

/** Whether all numbers of a sample are ones that its types hold. */
function fits({ inputs }: Sample): boolean {
  return inputs.every(({ type, data }) =>
    data.every((value) => {
      if (type === "i32") return Number.isInteger(value);
      if (type === "u32") return Number.isInteger(value) && value >= 0;
      return type !== "bool" || value === 0 || value === 1;
    }),
  );
}
