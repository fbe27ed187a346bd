// The meaning of a graph: every operation by its record's `evaluate`, in float64, one after the other. The slow obvious
// version that the kernels are checked against. A value is dropped after its last use; graphs may be of any depth.
import { sameShape, typeText } from "../ops/check.ts";
import { operationOf } from "../ops/index.ts";
import type { Tensor } from "../ops/operation.ts";
import { topological } from "./graph.ts";
import type { Module, Node, Region, TensorType, Value } from "./graph.ts";

/** The order in which a region is run, and which values nothing needs any more after each node. */
interface Schedule {
  readonly nodes: readonly Node[];
  readonly dropped: readonly (readonly Value[])[];
}

const schedules = new WeakMap<Region, Schedule>();

function scheduleOf(region: Region): Schedule {
  const known = schedules.get(region);
  if (known !== undefined) return known;
  const nodes = topological(region.results).filter(({ operation }) => operation !== "parameter");
  const kept = new Set(region.results);
  const dropped: Value[][] = nodes.map(() => []);
  // From the end: the first time a value is met is its last use; an output that was not met has no use at all.
  for (let at = nodes.length - 1; at >= 0; at--) {
    const node = nodes[at];
    for (const value of [...(node?.outputs ?? []), ...(node?.inputs ?? [])]) {
      if (kept.has(value)) continue;
      kept.add(value);
      dropped[at]?.push(value);
    }
  }
  const schedule = { nodes, dropped };
  schedules.set(region, schedule);
  return schedule;
}

/** The region's results for these values of its parameters. Throws where an operation has no meaning (an index outside). */
export function interpret(region: Region, inputs: readonly Tensor[]): readonly Tensor[] {
  const values = new Map<Value, Tensor>();
  for (const [index, parameter] of region.parameters.entries()) {
    const input = inputs[index];
    if (input === undefined || inputs.length !== region.parameters.length)
      throw new Error(`a region of ${region.parameters.length} parameters was given ${inputs.length} values`);
    values.set(parameter, checked(input, parameter, `parameter ${index}`));
  }
  const { nodes, dropped } = scheduleOf(region);
  for (const [at, node] of nodes.entries()) {
    const results = operationOf(node.operation).evaluate(
      node.inputs.map((input) => found(values, input)),
      node.attributes,
      node.outputs,
      node.regions,
      interpret,
    );
    for (const [index, output] of node.outputs.entries())
      values.set(output, checked(results[index], output, `output ${index} of ${node.operation}`));
    for (const value of dropped[at] ?? []) values.delete(value);
  }
  return region.results.map((result) => found(values, result));
}

/** What the program writes, by variable, when the variables hold these values. Types are not rounded to. */
export function evaluateProgram(
  module: Module,
  name: string,
  variables: ReadonlyMap<string, Tensor>,
): Map<string, Tensor> {
  const program = module.programs.find((candidate) => candidate.name === name);
  if (program === undefined) throw new Error(`${module.name} has no program ${name}`);
  const inputs = program.reads.map((read) => {
    const value = variables.get(read);
    if (value === undefined) throw new Error(`the program ${name} reads ${read}, which has no value`);
    return value;
  });
  const results = interpret(program.region, inputs);
  const written = new Map<string, Tensor>();
  program.writes.forEach((write, index) => {
    const result = results[index];
    if (result !== undefined) written.set(write, result);
  });
  return written;
}

function found(values: ReadonlyMap<Value, Tensor>, value: Value): Tensor {
  const tensor = values.get(value);
  if (tensor === undefined)
    throw new Error(`a region uses an output of ${value.node.operation} from outside of it`);
  return tensor;
}

function checked(tensor: Tensor | undefined, type: TensorType, what: string): Tensor {
  if (tensor === undefined || !sameShape(tensor.shape, type.shape))
    throw new Error(`${what} is ${typeText(type)}, not [${tensor?.shape.join(",") ?? "nothing"}]`);
  return tensor;
}
