// The rule about tensors that are held in formats: each has a program for each of its tensors in files, which reads what the host writes
// and leaves all of what holds that tensor, and nothing else; and what holds it has no other first value.
import type { Plan, PlanTensor } from "../plan/plan.ts";
import { elementBytes, elements, homeOf, standsFor, type Rule } from "./rule.ts";
import { isWritten, Written } from "./written.ts";

export const heldTensors: Rule = {
  name: "held tensors",
  about:
    "what holds a tensor in a format is written whole, part by part, by the tensor's own programs, from what the host writes",
  check(plan, report) {
    report.examine();
    const filled = new Set<string>();
    const variables = new Map(plan.variables.map((variable) => [variable.name, variable]));
    for (const { name, names, shape, staging, programs, tensors, stored } of plan.held) {
      report.examine();
      const bad = (what: string, subjects: readonly number[] = []): void =>
        report.refuse(`held tensor '${name}' ${what}`, { tensors: subjects });
      if (programs.length !== names.length)
        bad(`has ${programs.length} programs for ${names.length} tensors of the files`);
      const from = variables.get(staging);
      if (from?.initial.from !== "host" || elements(from.shape) < elements(shape))
        bad(`has no room in '${staging}' for the host to write it to`);
      for (const { variable } of stored?.tables ?? [])
        if (variables.get(variable)?.initial.from !== "table")
          bad(`is checked by '${variable}', which is no table`);
      for (const tensor of tensors) {
        const variable = variables.get(tensor);
        if (variable?.initial.from !== "held" || filled.has(tensor)) bad(`is not held by '${tensor}' alone`);
        else if (variable.parts.length !== programs.length * (variable.windows ?? 1))
          bad(`has ${programs.length} programs for ${variable.parts.length} parts of '${tensor}'`);
        filled.add(tensor);
      }
      programs.forEach((program, part) => {
        report.examine();
        const own = tensors.flatMap((tensor) => {
          const { parts = [], windows = 1 } = variables.get(tensor) ?? {};
          return parts.slice(part * windows, (part + 1) * windows);
        });
        for (const left of unwritten(plan, program, own))
          bad(`begins with what the program '${program}' writes, and that does not write all of it`, [left]);
      });
    }
    for (const { name, initial, parts } of plan.variables) {
      if (initial.from !== "held" || filled.has(name)) continue;
      report.refuse(`variable '${name}' begins with what a held tensor's programs write, and is of none`, {
        tensors: parts,
      });
    }
  },
};

/** Those of the tensors that a program does not write whole, or reads before it has. */
function unwritten(plan: Plan, name: string, tensors: readonly number[]): readonly number[] {
  const program = plan.programs.find((each) => each.name === name);
  const stands = program === undefined ? new Map<number, number>() : standsFor(program);
  const written = new Map<number, Written>();
  const early = new Set<number>();
  /** Where what is written to a tensor is kept: in the host's memory for what stands for some of it. */
  const homeIn = (index: number, { aliasOf, offset }: PlanTensor): { owner: number; offset: number } =>
    homeOf(plan, stands, index) ?? { owner: aliasOf ?? index, offset };
  const owners = new Set(tensors.map((index) => plan.tensors[index]?.aliasOf ?? index));
  const whole = (index: number): boolean => {
    const tensor = plan.tensors[index];
    if (tensor === undefined) return false;
    const { owner, offset } = homeIn(index, tensor);
    const bytes = elements(tensor.shape) * elementBytes[tensor.type];
    return isWritten({ ...tensor, offset }, written.get(owner), bytes);
  };
  for (const { kernel, tensors: bound } of program?.dispatches ?? []) {
    const bindings = plan.kernels[kernel]?.bindings ?? [];
    bound.forEach((index, slot) => {
      const tensor = plan.tensors[index];
      if (tensor === undefined || bindings[slot]?.reads !== true) return;
      if (owners.has(homeIn(index, tensor).owner) && !whole(index)) early.add(index);
    });
    bound.forEach((index, slot) => {
      const tensor = plan.tensors[index];
      const binding = bindings[slot];
      if (tensor === undefined || binding?.writes !== true) return;
      const { owner, offset } = homeIn(index, tensor);
      const ranges = written.get(owner) ?? new Written();
      written.set(owner, ranges);
      ranges.add(offset, offset + binding.bytes);
    });
  }
  return [...early, ...tensors.filter((index) => !whole(index))];
}
