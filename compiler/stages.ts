// The middle of the pipeline: from the elaborated module to one whose regions are kernels. Each line is one pure stage, with why it
// stands where it stands; every stage's result can be printed and read back (`--emit NAME`).
import type { Trained } from "./elaborate/elaborate.ts";
import type { Module, Program } from "./ir/graph.ts";
import type { Settings } from "./language/settings.ts";
import { accumulating, withGradients, withProgram } from "./passes/accumulate.ts";
import { checkpoint, type Checkpointing } from "./passes/checkpoint.ts";
import { segment } from "./passes/checkpoint-segment.ts";
import type { KernelGradients } from "./passes/differentiate-context.ts";
import { joinLoops } from "./passes/loops.ts";
import { simplify } from "./passes/simplify.ts";

/** What the stages are told beside the module. */
export interface Choices {
  readonly trained: readonly Trained[];
  readonly checkpoint: Checkpointing;
  readonly kernelGradients: KernelGradients;
}

export interface Stage {
  readonly name: string;
  readonly why: string;
  run(module: Module, choices: Choices): Module;
}

export const stages: readonly Stage[] = [
  {
    name: "canonicalize",
    why: "equal values become one before anything is built on them twice",
    run: (module) => everywhere(module, (program) => onRegion(program, (region) => simplify(region))),
  },
  {
    name: "segment",
    why: "checkpointed blocks become a loop over segments, so that differentiation sees the segments",
    run: (module, { checkpoint: policy }) =>
      policy === "none" ? module : withProgram(module, "micro", (program) => onRegion(program, (region) => segment(region, policy.every))),
  },
  {
    name: "differentiate",
    why: "the forward step gains the gradients of what trains, and nothing else",
    run: (module, { trained, kernelGradients }) => withProgram(module, "micro", (program) => withGradients(program, trained, kernelGradients)),
  },
  {
    name: "simplify",
    why: "what differentiation made is folded before anyone counts what is worth saving",
    run: (module) => everywhere(module, (program) => onRegion(program, (region) => simplify(region, { differentiated: true }))),
  },
  {
    name: "join",
    why: "the forward and backward loops over the loss's chunks become one, so that no logits are stored between them",
    run: (module) => withProgram(module, "micro", (program) => onRegion(program, joinLoops)),
  },
  {
    name: "checkpoint",
    why: "of what the backward pass needs, the policy saves some and leaves the rest to be computed again",
    run: (module, { checkpoint: policy }) => withProgram(module, "micro", (program) => onRegion(program, (region) => checkpoint(region, policy))),
  },
  {
    name: "accumulate",
    why: "gradients are added in place to those of earlier micro-batches, inside the loops that make them",
    run: (module) => withProgram(module, "micro", accumulating),
  },
  {
    name: "tidy",
    why: "the last chance to share and fold before values become kernels",
    run: (module) => everywhere(module, (program) => onRegion(program, (region) => simplify(region, { differentiated: true }))),
  },
];

function everywhere(module: Module, change: (program: Program) => Program): Module {
  return { ...module, programs: module.programs.map(change) };
}

function onRegion(program: Program, change: (region: Program["region"]) => Program["region"]): Program {
  return { ...program, region: change(program.region) };
}
