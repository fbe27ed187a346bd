// What one operation is: a single record that says its types, its meaning in float64, its gradient, its WGSL, its cost and
// samples to test it on. Everything else (differentiation, fusion, printing, interpretation, tests) reads these records and
// names no operation. To add one: one exported record in the file of its family; `index.ts` collects whatever records the
// families export.
import type { Attributes, ElementType, Region, TensorType, Value } from "../ir/graph.ts";

/** A tensor in float64, row by row; integers and booleans (0 and 1) are held exactly. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** Why inputs do not fit an operation: one line, and the index of the input at fault, −1 where no single one is. */
export interface Misfit {
  readonly misfit: string;
  readonly input: number;
}

/** Builds values inside a gradient rule; `apply` finds the record by name and checks types. All origins are the node's own. */
export interface Builder {
  apply(
    operation: string,
    inputs: readonly Value[],
    attributes?: Attributes,
    regions?: readonly Region[],
  ): Value;
  applyAll(
    operation: string,
    inputs: readonly Value[],
    attributes?: Attributes,
    regions?: readonly Region[],
  ): readonly Value[];
  /** A tensor filled with one number. */
  constant(value: number, type?: ElementType, shape?: readonly number[]): Value;
}

/** What a gradient rule is given. `outputs` are the node's, `gradients` those of its outputs (undefined: nothing flows). */
export interface Backward {
  readonly builder: Builder;
  readonly inputs: readonly Value[];
  readonly attributes: Attributes;
  readonly regions: readonly Region[];
  readonly outputs: readonly Value[];
  readonly gradients: readonly (Value | undefined)[];
  /** Whether a gradient of input i is wanted. Rules build nothing for the others. */
  wants(input: number): boolean;
}

/** What a tangent rule is given. `tangents` are those of the inputs (undefined: the input does not move). */
export interface Forward {
  readonly builder: Builder;
  /** The operation's own name: a linear one is applied to the tangents as it was to the inputs. */
  readonly operation: string;
  readonly inputs: readonly Value[];
  readonly attributes: Attributes;
  readonly outputs: readonly Value[];
  readonly tangents: readonly (Value | undefined)[];
}

/**
 * How kernels compute the operation. Fusion and code generation know these classes and no operation by name.
 *   elementwise  output[i] = wgsl(input_0[i], …), all of one shape. The arguments are names or literals, so that a rule may
 *                repeat them; `type` is the output's, `types` the inputs'. 16-bit elements are f32 in registers: a store
 *                rounds, and `rounds` says that the operation does no more than that to a 16-bit output, so that its input
 *                may be stored instead. `decodes`: its input is made of the tensors that a format holds its output in.
 *                `functions` is WGSL text, declarations that the expression calls: to be put once into each kernel that uses
 *                it (equal texts are one); `functionsOf` gives it
 *   source       output[i] = wgsl(i), no tensor inputs (constants, counters); one u32 expression for each axis
 *   view         output[i] = input[index(i)]; `index` writes the input's coordinates as WGSL in those of the output, and
 *                `inside`, where given, the condition under which there is an element at all (zero elsewhere: padding; the
 *                coordinates wrap around there and must not be used). All coordinates are u32
 *   until        output[i] = input 0 at i where i along `axis` is below input 1 at i's first coordinates, else zero. Nothing is left out of the
 *                memory, so kernels load first and choose then; products bound their loops by it
 *   join         views of several inputs side by side along one axis (concatenation)
 *   reduce       folds some axes by an associative `combine` from `identity`; a fixed order within a kernel
 *   product      the matrix product; its tiles are in `compiler/kernels`
 *   gather, scatter, region, parameter: as their records say
 */
export type Lowering =
  | {
      readonly kind: "elementwise";
      readonly functions?: string | ((type: ElementType, types: readonly ElementType[]) => readonly string[]);
      readonly rounds?: boolean;
      readonly decodes?: true;
      wgsl(
        args: readonly string[],
        attributes: Attributes,
        type: ElementType,
        types: readonly ElementType[],
      ): string;
    }
  | {
      readonly kind: "source";
      wgsl(indices: readonly string[], attributes: Attributes, output: TensorType): string;
    }
  | {
      readonly kind: "view";
      index(
        indices: readonly string[],
        attributes: Attributes,
        input: readonly number[],
        output: readonly number[],
      ): readonly string[];
      inside?(
        indices: readonly string[],
        attributes: Attributes,
        input: readonly number[],
        output: readonly number[],
      ): string;
    }
  | { readonly kind: "until"; axis(attributes: Attributes): number }
  | { readonly kind: "join"; axis(attributes: Attributes): number }
  | {
      readonly kind: "reduce";
      axes(attributes: Attributes): readonly number[];
      identity(type: ElementType): string;
      combine(a: string, b: string): string;
    }
  | { readonly kind: "product" }
  | { readonly kind: "gather" }
  | { readonly kind: "scatter" }
  | { readonly kind: "region" }
  | { readonly kind: "parameter" };

/** Inputs to try an operation on: float64 data within the range where it is smooth, for values and central differences. */
export interface Sample {
  readonly inputs: readonly {
    readonly shape: readonly number[];
    readonly type: ElementType;
    readonly data: readonly number[];
  }[];
  readonly attributes: Attributes;
}

export interface Operation {
  readonly name: string;
  /** What it computes, in one line. */
  readonly about: string;
  /** The outputs' types, or why the inputs do not fit. Must check everything its other functions rely on. */
  infer(
    inputs: readonly TensorType[],
    attributes: Attributes,
    regions: readonly Region[],
  ): readonly TensorType[] | Misfit;
  /** The meaning. `run` interprets a region, for the operations that have some. */
  evaluate(
    inputs: readonly Tensor[],
    attributes: Attributes,
    outputs: readonly TensorType[],
    regions: readonly Region[],
    run: Run,
  ): readonly Tensor[];
  /**
   * Gradients of the inputs, each of its input's type, `undefined` for inputs without one. Absent where nothing flows back
   * (integers, comparisons) and on regions, whose gradients the differentiation pass makes.
   */
  readonly gradient?: (context: Backward) => readonly (Value | undefined)[];
  /**
   * How fast the outputs move when the inputs move along their tangents: the derivative in forward mode, each of its output's
   * type, `undefined` for outputs that stay. There wherever there is a gradient; linear operations share a rule (`tangents.ts`).
   */
  readonly tangent?: (context: Forward) => readonly (Value | undefined)[];
  /**
   * The same on whole stacks: every input has one axis more in front, `count` long, and so has the result. Elementwise operations
   * do to a stack what they do to its slices and need no rule; where there is none, slices are worked on one by one.
   */
  readonly batch?: (
    stacks: readonly Value[],
    attributes: Attributes,
    count: number,
    builder: Builder,
  ) => Value | undefined;
  /**
   * Under mixed precision: whether it takes its inputs in the type of products, and whether what it gives is kept in the type of
   * storage, always or where an input is. Without this all is f32.
   */
  readonly narrow?: { readonly takes: boolean; readonly gives: "always" | "alike" };
  readonly lowering: Lowering;
  /** Floating-point operations for one output element (for products and reductions: for one step of the inner loop). */
  readonly cost: number;
  readonly samples: readonly Sample[];
}

export type Run = (region: Region, inputs: readonly Tensor[]) => readonly Tensor[];

/** The declarations that the expression of an elementwise operation calls. */
export function functionsOf(
  { functions }: Extract<Lowering, { kind: "elementwise" }>,
  type: ElementType,
  types: readonly ElementType[],
): readonly string[] {
  if (functions === undefined) return [];
  return typeof functions === "string" ? [functions] : functions(type, types);
}
