// Kernels that stand in for library functions: a `call` names one, and its region stays the meaning. A kernel declines
// (`undefined`) what it cannot do; then the region itself is compiled.
import type { Node } from "../ir/graph.ts";
import type { DeviceProfile } from "../plan/plan.ts";
import { attention, attentionBackward } from "./attention.ts";
import { jacobi } from "./jacobi.ts";
import type { Kernel, Layouts } from "./kernel.ts";

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

const all: readonly LibraryKernel[] = [attention, attentionBackward, jacobi];

export const libraryKernels: ReadonlyMap<string, LibraryKernel> = new Map(
  all.map((kernel) => [kernel.name, kernel]),
);

/** For each kernel with a gradient, the name of the kernel that computes it: what differentiation asks for. */
export const kernelGradients: ReadonlyMap<string, string> = new Map(
  all.flatMap(({ name, backward }) => (backward === undefined ? [] : [[name, backward] as const])),
);

/** For each kernel, what of it may be in 16 bits: what mixed precision asks for. */
export const narrowKernels: NarrowKernels = new Map(
  all.flatMap(({ name, narrow }) => (narrow === undefined ? [] : [[name, narrow] as const])),
);
