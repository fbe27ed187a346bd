// What kernel choice gives for one `fused` node: text, bindings and size of one dispatch. The scheduler turns kernels into
// dispatches by binding tensors; equal texts are one kernel of the plan, so a repeated layer costs no text. And what a kernel
// says that stands in for a library function.
import type { Node } from "../ir/graph.ts";
import type { DeviceProfile, KernelBinding } from "../plan/plan.ts";

/** Which value of the fused node a binding holds: an input, an output, or both where an output is written over an input. */
export interface BoundValue {
  readonly input: number | undefined;
  readonly output: number | undefined;
  /** The bytes of the value that are bound, where it lies in several windows. */
  readonly window?: { readonly offset: number; readonly bytes: number };
}

export interface Kernel {
  /** What it computes, in a few words. */
  readonly about: string;
  readonly wgsl: string;
  /** Inputs that the text never reads have no binding. */
  readonly bindings: readonly KernelBinding[];
  /** One for each binding. */
  readonly values: readonly BoundValue[];
  readonly workgroupSize: readonly [number, number, number];
  readonly workgroups: readonly [number, number, number];
  readonly workgroupMemory: number;
  readonly features: readonly string[];
  readonly flops: number;
  readonly bytes: number;
}

/**
 * How values lie in memory where that is not their natural layout: slices of a stacked variable start at multiples of the
 * alignment, so the first axis has a stride of its own, in elements.
 */
export interface Layouts {
  /** For each input and output of the fused node: elements from one slice of the first axis to the next. */
  readonly inputStrides: readonly (number | undefined)[];
  readonly outputStrides: readonly (number | undefined)[];
  /** Where values that no binding holds whole are cut into windows, in elements with their strides. */
  readonly inputCuts?: readonly (readonly number[])[];
  readonly outputCuts?: readonly (readonly number[])[];
  /** Pairs [output, input]: the output is to be written over the input, with one binding. */
  readonly inPlace: readonly (readonly [number, number])[];
}

/** Everything in its natural layout, nothing in place. */
export const plainLayouts: Layouts = { inputStrides: [], outputStrides: [], inPlace: [] };

/** The dispatches of a fused node, in order. */
export type ChooseKernel = (node: Node, layouts: Layouts, profile: DeviceProfile) => readonly Kernel[];

/** Inputs and outputs of a kernel that may be in 16 bits. */
export interface NarrowKernel {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

export type NarrowKernels = ReadonlyMap<string, NarrowKernel>;

export interface LibraryKernel {
  readonly name: string;
  /** The kernel that computes its gradients, where there is one. */
  readonly backward: string | undefined;
  /** What may be in 16 bits where it takes the place of a function; its gradients then are too. Statistics stay in f32. */
  readonly narrow?: NarrowKernel;
  /** The dispatches that compute the node's outputs from its inputs. */
  choose(node: Node, layouts: Layouts, profile: DeviceProfile): readonly Kernel[] | undefined;
}
