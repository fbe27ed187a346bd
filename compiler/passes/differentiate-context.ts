// What the parts of differentiation tell each other: the rules for regions differentiate the regions in turn.
import type { Value } from "../ir/graph.ts";
import type { Activity } from "./differentiate-activity.ts";

/** For each kernel that has one, the name of the kernel that computes its gradients: "attention" → "attention_backward". */
export type KernelGradients = ReadonlyMap<string, string>;

/** A value and the gradient that flows into it. */
export type Seed = readonly [value: Value, gradient: Value];

export interface Gradients {
  /** The gradient of a value, summed over its uses; undefined where none flows. */
  get(value: Value): Value | undefined;
}

export interface Context {
  readonly kernels: KernelGradients;
  /** The gradients of all active values that the seeds reach, in a prepared region. */
  pull(seeds: readonly Seed[], active: Activity): Gradients;
}
