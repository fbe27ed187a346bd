// Whether a module is what `graph.ts` says a module is. Used between passes; problems are data, one line each, with the node's
// text and the program or variable it stands in. Types are inferred again by the records, so a pass that makes nodes by hand
// cannot get them wrong unseen.
import { isMisfit, isShape, sameShape, sameType, typeText } from "../ops/check.ts";
import { inferTypes } from "./build.ts";
import { topological } from "./graph.ts";
import type { HeldTensor, Module, Node, Program, Region, Value, Variable } from "./graph.ts";
import { describeNode } from "./text.ts";

export function validate(module: Module): readonly string[] {
  const variables = new Map(module.variables.map((variable) => [variable.name, variable]));
  return [
    ...repeated(module.variables.map(({ name }) => name)).map((name) => `two variables are called ${name}`),
    ...repeated(module.scalars.map(({ name }) => name)).map((name) => `two scalars are called ${name}`),
    ...repeated(module.programs.map(({ name }) => name)).map((name) => `two programs are called ${name}`),
    ...module.variables.flatMap(variableProblems),
    ...module.programs.flatMap((program) => programProblems(program, variables)),
    ...(module.held ?? []).flatMap((held) => heldProblems(held, module, variables)),
  ];
}

function heldProblems(
  { name, names, staging, program, tensors, stored }: HeldTensor,
  { programs }: Module,
  variables: ReadonlyMap<string, Variable>,
): readonly string[] {
  const problems: string[] = [];
  const say = (text: string): number => problems.push(`held tensor ${name}: ${text}`);
  const own = programs.find((each) => each.name === program);
  if (own === undefined) say(`there is no program ${program}`);
  else {
    if (names.length !== (own.parts ?? 1)) say(`${names.length} names for ${own.parts ?? 1} parts`);
    if (!own.reads.includes(staging)) say(`${program} does not read ${staging}`);
    for (const tensor of tensors)
      if (!own.writes.includes(tensor)) say(`${program} does not write ${tensor}`);
  }
  for (const { variable } of stored?.tables ?? [])
    if (variables.get(variable)?.initial.from !== "table") say(`${variable} is no table`);
  return problems;
}

function repeated(names: readonly string[]): readonly string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}

function variableProblems(variable: Variable): readonly string[] {
  const { name, initial, shape, type, stack } = variable;
  const problems: string[] = [];
  const say = (text: string): number => problems.push(`variable ${name}: ${text}`);
  if (!isShape(shape)) say(`${typeText(variable)} has a size below 1 or too many elements`);
  if (type === "bool") say("bool never reaches memory");
  if (stack && shape.length === 0) say("a scalar is no stack");
  if ("names" in initial) {
    const parts = stack ? (shape[0] ?? 0) : 1;
    if (initial.names.length !== 1 && initial.names.length !== parts)
      say(`${initial.names.length} names for ${parts} parts`);
  }
  if (initial.from === "table") {
    const { parameters, results } = initial.region;
    const [result] = results;
    if (parameters.length > 0) say("its table has parameters");
    if (result === undefined || results.length > 1) say(`its table has ${results.length} results`);
    else if (!sameShape(result.shape, shape))
      say(`its table is ${typeText(result)}, not ${typeText(variable)}`);
    problems.push(...validateRegion(initial.region, `variable ${name}`));
  }
  return problems;
}

function programProblems(program: Program, variables: ReadonlyMap<string, Variable>): readonly string[] {
  const { name, reads, writes, region, parts } = program;
  const where = `program ${name}`;
  return [
    ...repeated(reads).map((read) => `${where}: reads ${read} twice`),
    ...repeated(writes).map((write) => `${where}: writes ${write} twice`),
    ...accessProblems(`${where}: reads`, reads, region.parameters, variables),
    ...accessProblems(
      `${where}: writes`,
      writes,
      region.results,
      parts === undefined ? variables : partsIn(variables, writes, parts),
    ),
    ...validateRegion(region, where),
  ];
}

/** The variables with the stacks that a program writes part by part as one part of them. */
function partsIn(
  variables: ReadonlyMap<string, Variable>,
  writes: readonly string[],
  parts: number,
): ReadonlyMap<string, Variable> {
  const entries = writes.flatMap((name) => {
    const variable = variables.get(name);
    if (variable === undefined || !variable.stack || variable.shape[0] !== parts) return [];
    return [[name, { ...variable, shape: variable.shape.slice(1) }] as const];
  });
  return new Map([...variables, ...entries]);
}

function accessProblems(
  what: string,
  names: readonly string[],
  values: readonly Value[],
  variables: ReadonlyMap<string, Variable>,
): readonly string[] {
  if (names.length !== values.length)
    return [`${what} ${names.length} variables with ${values.length} values`];
  return names.flatMap((name, index) => {
    const [variable, value] = [variables.get(name), values[index]];
    if (variable === undefined) return [`${what} ${name}, which is no variable`];
    if (value === undefined || sameType(variable, value)) return [];
    return [`${what} ${name}, which is ${typeText(variable)}, as ${typeText(value)}`];
  });
}

/** The problems of a region and of those inside it; `where` begins each line. */
export function validateRegion(region: Region, where: string): readonly string[] {
  const cycle = cyclic(region.results);
  if (cycle !== undefined) return [`${where}: ${cycle.operation} needs its own output`];
  const parameters = new Set(region.parameters);
  const nodes = topological(region.results);
  const reached = new Set(nodes);
  return [
    ...region.parameters.flatMap((value, index) => [
      ...(value.node.operation === "parameter"
        ? []
        : [`${where}: parameter ${index} is ${describeNode(value.node)}`]),
      ...(region.parameters.indexOf(value) === index ? [] : [`${where}: parameter ${index} is listed twice`]),
      ...(reached.has(value.node) ? [] : nodeProblems(value.node, where)),
    ]),
    ...nodes.flatMap((node) => [
      ...nodeProblems(node, where),
      ...node.outputs
        .filter((output) => node.operation === "parameter" && !parameters.has(output))
        .map(() => `${where}: uses ${describeNode(node)} ${String(node.attributes["name"])} from outside`),
      ...node.regions.flatMap((inner) => validateRegion(inner, `${where} / ${node.operation}`)),
    ]),
    ...[...region.results, ...nodes.flatMap(({ inputs }) => inputs)]
      .filter(({ node, index }, at, all) => node.outputs[index] !== all[at])
      .map(
        (value) => `${where}: a value is not output ${value.index} of its node ${describeNode(value.node)}`,
      ),
  ];
}

function nodeProblems(node: Node, where: string): readonly string[] {
  const types = inferTypes(node.operation, node.inputs, node.attributes, node.regions);
  if (isMisfit(types)) return [`${where}: ${describeNode(node)}: ${types.misfit}`];
  const agree =
    types.length === node.outputs.length &&
    node.outputs.every((output, index) => {
      const type = types[index];
      return type !== undefined && sameType(output, type) && output.node === node && output.index === index;
    });
  return agree ? [] : [`${where}: ${describeNode(node)}: its outputs are ${types.map(typeText).join(", ")}`];
}

/** A node that is among its own inputs' inputs, if there is one. */
function cyclic(results: readonly Value[]): Node | undefined {
  const state = new Map<Node, "open" | "done">();
  const path: { node: Node; next: number }[] = [];
  for (const { node } of results) {
    if (state.has(node)) continue;
    state.set(node, "open");
    path.push({ node, next: 0 });
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const input = top.node.inputs[top.next]?.node;
      top.next += 1;
      if (input === undefined) {
        state.set(top.node, "done");
        path.pop();
      } else if (state.get(input) === "open") return input;
      else if (!state.has(input)) {
        state.set(input, "open");
        path.push({ node: input, next: 0 });
      }
    }
  }
  return undefined;
}
