// Kernels that stand in for library functions: a `call` names one, and its region stays the meaning. A kernel declines
// (`undefined`) what it cannot do; then the region itself is compiled.
import { attention, attentionBackward } from "./attention.ts";
import { jacobi } from "./jacobi.ts";
import type { LibraryKernel, NarrowKernels } from "./kernel.ts";

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
