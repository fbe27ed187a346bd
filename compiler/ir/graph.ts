// The intermediate representation, from elaboration to kernel choice.
//
// A graph is made of immutable values. A node applies one operation to values and has one or more outputs; there is no
// order beyond that of data, and no effects: a program reads the variables as they were when it started and lists the values
// they hold when it ends. Two nodes with the same operation, inputs and attributes mean the same value.
//
// Shapes are concrete: every size is known when a recipe is compiled. A scalar has the shape []. Elements are laid out row by
// row, the last axis fastest. A value's type is the type of its arithmetic; what is stored in 16 bits is the output of a `cast`,
// and kernels read and write that without ever holding the cast's input.
//
// A region is a graph of its own with parameters and results; it uses nothing from outside. Regions hang on three operations:
//   repeat  runs its body `count` times. Inputs are constants, then carried values, then stacked values. The body's parameters
//           are the constants, the carried values as the iteration before left them, and slice i of each stacked value along
//           its first axis. Its results are the carried values, then values to be stacked. The node's outputs are the last carried values,
//           then the stacked ones [count, …]. With `reverse`, iterations run from the last slice to the first.
//   call    a library function that has a kernel of its own: the region is its meaning, `kernel` the name of what may replace it.
//   fused   what one kernel computes; made by the fusion pass.
// A stacked value is one value here and lies in `count` parts in memory, each with a lifetime of its own.
import type { Span } from "../../grammar/source.ts";

/** How the elements of a tensor are represented. `bool` never reaches memory. */
export type ElementType = "f32" | "f16" | "bf16" | "i32" | "u32" | "bool";

export interface TensorType {
  readonly shape: readonly number[];
  readonly type: ElementType;
}

/** What an operation is told beside its inputs: plain data, printed and read back with the node. */
export type Attribute = number | string | boolean | readonly Attribute[];
export type Attributes = Readonly<Record<string, Attribute>>;

/** Where a node comes from: the place in the library and the clause of the recipe that asked for it. */
export interface Origin {
  /** The expression in a `.ftl` file. */
  readonly source: Span | undefined;
  /** The clause of the recipe. */
  readonly recipe: Span | undefined;
  /** Path of the part of the model, such as "model.layers.{i}.self_attn.q_proj", or "". */
  readonly path: string;
}

export interface Node {
  /** Name of a record in `compiler/ops`. */
  readonly operation: string;
  readonly inputs: readonly Value[];
  readonly attributes: Attributes;
  readonly regions: readonly Region[];
  readonly outputs: readonly Value[];
  readonly origin: Origin;
}

export interface Value extends TensorType {
  readonly node: Node;
  /** Which output of the node this is. */
  readonly index: number;
}

/** Parameters are outputs of `parameter` nodes, in order; results are values of the region, repetitions allowed. */
export interface Region {
  readonly parameters: readonly Value[];
  readonly results: readonly Value[];
}

/** What a variable is for; the plan's totals are kept by it. */
export type VariableKind =
  "weights" | "adapter" | "gradients" | "optimizer" | "activations" | "constants" | "io";

/**
 * A tensor that outlives a program: weights, optimizer state, gradients, what a module keeps from program to program ("activations"),
 * tables, what the host writes and reads.
 * `stack` is true when the first axis counts the layers of a repeated block; its parts may lie apart.
 */
export interface Variable extends TensorType {
  readonly name: string;
  readonly kind: VariableKind;
  readonly stack: boolean;
  /** Where its value comes from before the first program runs. */
  readonly initial: Initial;
  /** Where it lives between programs, and between its uses in one; on the device if unsaid. */
  readonly home?: "host";
  readonly origin: Origin;
}

/**
 * `checkpoint`: read from the model's files, one tensor name a part (several names only for a stack). `optional`: the same, or from
 * an adapter that holds it; where no file does, what the program "initialize" writes.
 * `adapter`: read from an adapter in PEFT layout under these keys. `program`: written by the program "initialize".
 * `table`: computed in float64 when the recipe is compiled, by a region without parameters; the stored type is the variable's.
 * `host`: written by the host before each program that reads it. `zero`: all bits zero. `held`: written by the program of the held
 * tensor that it is part of.
 */
export type Initial =
  | { readonly from: "checkpoint"; readonly names: readonly string[] }
  | { readonly from: "optional"; readonly names: readonly string[] }
  | { readonly from: "adapter"; readonly names: readonly string[] }
  | { readonly from: "program" }
  | { readonly from: "held" }
  | { readonly from: "table"; readonly region: Region }
  | { readonly from: "host" }
  | { readonly from: "zero" };

/**
 * Reads and writes of one program: `region.parameters[i]` is the value of `reads[i]`, `region.results[i]` that of `writes[i]`.
 * `parts`: it stands for so many programs that do the same, the i-th of which leaves its results in part i of the stacks it writes.
 */
export interface Program {
  readonly name: string;
  readonly parts?: number;
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly region: Region;
}

/** One entry of a training step's list of programs: run once a step, or once for each micro-batch of its batch. */
export interface StepRun {
  readonly program: string;
  readonly each: "step" | "micro-batch";
}

/** A scalar that the host computes in float64 each step and writes into the variable "scalars" at its place in the list. */
export interface HostScalar {
  readonly name: string;
  readonly expression: ScalarExpression;
}

/** An expression over the step's numbers: `step`, `update`, `steps` (in all), `targets` (learned in the batch), `seed`. */
export type ScalarExpression =
  number | { readonly name: string } | { readonly apply: string; readonly to: readonly ScalarExpression[] };

/**
 * A tensor of the checkpoint that is held in a format, or one a layer. `program` takes it from the variable `staging` into `tensors`.
 */
export interface HeldTensor {
  readonly name: string;
  /** Its names in the files, one a part; the shape there is that of a part. */
  readonly names: readonly string[];
  readonly shape: readonly number[];
  /** As a recipe writes it, such as "nf4 { block: 64 }". */
  readonly format: string;
  readonly staging: string;
  readonly program: string;
  readonly tensors: readonly string[];
  /** How files of bitsandbytes hold it encoded. */
  readonly stored: StoredTensor | undefined;
  /** The type of GGUF files whose blocks `tensors` are, in the order in which a block has them; none if absent. */
  readonly blocks?: string | undefined;
}

/** Names stand behind the tensor's own and a point. */
export interface StoredTensor {
  /** The JSON that describes it. */
  readonly state: string;
  /** What fields of the JSON must be; without a value: must not be there. `option`: the recipe's option that says so, or "". */
  readonly fields: readonly {
    readonly name: string;
    readonly value: number | string | undefined;
    readonly option: string;
  }[];
  /** Tensors beside it that must be what a variable, a table, is. */
  readonly tables: readonly { readonly name: string; readonly variable: string }[];
  /** For each of `tensors` its name, "" for the held one's own: a tensor, or a number of the JSON. */
  readonly names: readonly string[];
}

/** Everything the compiler knows between elaboration and the plan. */
export interface Module {
  readonly name: string;
  readonly variables: readonly Variable[];
  readonly scalars: readonly HostScalar[];
  readonly programs: readonly Program[];
  /** Tensors that programs of their own take into a format; none if absent. */
  readonly held?: readonly HeldTensor[];
}

/** Makes a node and its outputs. Callers go through `apply` in `build.ts`, which checks types by the operation's record. */
export function makeNode(
  operation: string,
  inputs: readonly Value[],
  attributes: Attributes,
  regions: readonly Region[],
  types: readonly TensorType[],
  origin: Origin,
): Node {
  const outputs: Value[] = [];
  const node: Node = { operation, inputs, attributes, regions, outputs, origin };
  types.forEach(({ shape, type }, index) => outputs.push({ node, index, shape, type }));
  return node;
}

/** How many elements a shape holds. */
export function sizeOf(shape: readonly number[]): number {
  let product = 1;
  for (const size of shape) product *= size;
  return product;
}

/** Bytes of one element in memory. */
export const bytesOf = { f32: 4, f16: 2, bf16: 2, i32: 4, u32: 4, bool: 4 } as const satisfies Record<
  ElementType,
  number
>;

/** The nodes that `results` need, each after its inputs, in a fixed order: the same graph always gives the same list. */
export function topological(results: readonly Value[]): Node[] {
  const order: Node[] = [];
  const seen = new Set<Node>();
  const stack: { node: Node; next: number }[] = [];
  for (const result of results) {
    if (seen.has(result.node)) continue;
    seen.add(result.node);
    stack.push({ node: result.node, next: 0 });
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const input = top.node.inputs[top.next];
      top.next += 1;
      if (input === undefined) {
        order.push(top.node);
        stack.pop();
      } else if (!seen.has(input.node)) {
        seen.add(input.node);
        stack.push({ node: input.node, next: 0 });
      }
    }
  }
  return order;
}
