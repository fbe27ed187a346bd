// Gradients become part of the program "micro": it is differentiated in the trained variables, and what it leaves, the loss and the
// gradients, is added to what earlier micro-batches of the step left. The program "update" has cleared both at the end of the step
// before, so the sums after the last micro-batch are the batch's whatever the number of micro-batches.
//
// Requires: "micro" writes one scalar, the loss. Ensures: it writes the loss and every gradient.
import { apply, parameter } from "../ir/build.ts";
import type { Module, Program, Region, Value } from "../ir/graph.ts";
import { differentiate } from "./differentiate.ts";
import type { KernelGradients } from "./differentiate-context.ts";
import { at } from "./rebuild.ts";

/** A trained variable and the variable that its gradient is kept in, by name. */
export interface Trained {
  readonly weight: string;
  readonly gradient: string;
}

/** The program's region followed by the gradients, as further results. */
export function withGradients(
  program: Program,
  trained: readonly Trained[],
  kernelGradients: KernelGradients,
): Program {
  const withRespectTo = trained.map(({ weight }) => program.reads.indexOf(weight));
  const region = differentiate(program.region, { of: 0, withRespectTo, kernelGradients });
  return { ...program, region, writes: [...program.writes, ...trained.map(({ gradient }) => gradient)] };
}

/** Adds what the program writes to what its variables held. */
export function accumulating(program: Program): Program {
  const before = program.region.results.map((value, index) =>
    parameter(value, at(program.writes, index), value.node.origin),
  );
  const results = program.region.results.map((value, index): Value => {
    const held = at(before, index);
    return apply("add", [held, value], {}, [], value.node.origin);
  });
  const region: Region = { parameters: [...program.region.parameters, ...before], results };
  return { ...program, reads: [...program.reads, ...program.writes], region };
}

/** The module with one of its programs replaced by what `change` makes of it. */
export function withProgram(module: Module, name: string, change: (program: Program) => Program): Module {
  return {
    ...module,
    programs: module.programs.map((program) => (program.name === name ? change(program) : program)),
  };
}
