// Makes the program of a micro-batch and that of the update one, for an optimizer that works while the gradients are made: each is
// used where it appears and is gone, and no variable holds gradients. Later passes bring an update into the loop that makes
// its gradients.
//
// Requires that a step is one micro-batch, and that gradients are zero before it. Ensures: one run leaves in every variable but the
// gradients what one run of each program in order does.
import { apply } from "../ir/build.ts";
import type { Module, Program, Value } from "../ir/graph.ts";
import { at, inline, type Substitution } from "./rebuild.ts";

export interface Union {
  /** The programs, in the order in which a step runs them. The union has the first one's name. */
  readonly first: string;
  readonly second: string;
  /** Variables that the first adds to, the second reads and clears. */
  readonly gradients: ReadonlySet<string>;
}

export function unite(module: Module, union: Union): Module {
  const { gradients } = union;
  const first = module.programs.find(({ name }) => name === union.first);
  const second = module.programs.find(({ name }) => name === union.second);
  if (first === undefined || second === undefined)
    throw new RangeError(`the module ${module.name} lacks ${union.first} or ${union.second}`);
  return {
    ...module,
    variables: module.variables.filter(({ name }) => !gradients.has(name)),
    programs: module.programs
      .filter((program) => program !== second)
      .map((program) => (program === first ? oneAfterOther(first, second, gradients) : program)),
  };
}

function oneAfterOther(first: Program, second: Program, gradients: ReadonlySet<string>): Program {
  const reads = new Map<string, Value>();
  const known: Substitution = new Map();
  const given = first.reads.map((name, index): Value => {
    const value = at(first.region.parameters, index);
    if (!gradients.has(name)) {
      reads.set(name, value);
      return value;
    }
    const { type, shape } = value;
    return apply("constant", [], { value: 0, type, shape }, [], value.node.origin);
  });
  const made = inline(first.region, given, known);
  const left = new Map(first.writes.map((name, index) => [name, at(made, index)]));
  const taken = second.reads.map((name, index): Value => {
    const value = left.get(name) ?? reads.get(name) ?? at(second.region.parameters, index);
    if (!left.has(name)) reads.set(name, value);
    return value;
  });
  inline(second.region, taken).forEach((value, index) => left.set(at(second.writes, index), value));
  for (const name of gradients) left.delete(name);
  return {
    name: first.name,
    reads: [...reads.keys()],
    writes: [...left.keys()],
    region: { parameters: [...reads.values()], results: [...left.values()] },
  };
}
