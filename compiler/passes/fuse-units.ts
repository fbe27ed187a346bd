// The state of fusion: which values of a region lie in memory, and which of them each kernel writes. Everything else follows:
// a kernel computes its outputs from the values in memory that others write, repeating whatever stands between.
import type { Source, Span } from "../../grammar/source.ts";
import { bytesOf, sizeOf, type Node, type Origin, type Region, type Value } from "../ir/graph.ts";
import { ravel, unravel, variable } from "../kernels/index.ts";
import { readIndex } from "../kernels/index-text.ts";
import { analyze, type Analysis } from "../kernels/analyze.ts";
import { operationOf } from "../ops/index.ts";
import type { DeviceProfile } from "../plan/plan.ts";
import { structureOf } from "../ir/structure.ts";
import { isBare } from "./fuse-parts.ts";
import { at, nodesBetween } from "./rebuild.ts";

/** A kernel to be, or a node that stays as it is (`fixed`: a repeat, a library call, a name for parts of stacks). */
export interface Unit {
  readonly id: number;
  readonly fixed: Node | undefined;
  readonly outputs: readonly Value[];
  /** The values in memory that it reads: all of them, and those that other units write. */
  readonly reads: readonly Value[];
  readonly inputs: readonly Value[];
  readonly analysis: Analysis;
}

export interface FusionPlan {
  readonly region: Region;
  /** The region's parameters. */
  readonly given: ReadonlySet<Value>;
  readonly profile: DeviceProfile;
  readonly units: Map<number, Unit>;
  /** The unit that writes each value that lies in memory; parameters have none. */
  readonly owners: Map<Value, Unit>;
  /** Values that must lie in memory: results, and inputs of fixed nodes, seen through reshapes. */
  readonly required: ReadonlySet<Value>;
  /** For results, the parameter each takes the place of. */
  readonly replaced: ReadonlyMap<Value, Value>;
  readonly analyses: Analyses;
  next: number;
}

/** What fusion has found out for a profile: a model repeats itself, and so do the questions about it. */
export interface Analyses {
  /** What is known of kernels by their structure. */
  readonly kernels: Map<string, Analysis | undefined>;
  /** Bodies of repeats as they were fused, by all that can be told of them. */
  readonly bodies: Map<string, Region>;
  /** A number for an origin; equal ones have one. */
  origin(origin: Origin): number;
}

export function noAnalyses(): Analyses {
  const numbers = new Map<string, number>();
  const sources = new WeakMap<Source, number>();
  const known = new WeakMap<Origin, number>();
  let next = 0;
  const spanText = (span: Span | undefined): string => {
    if (span === undefined) return "";
    const source = sources.get(span.source) ?? next++;
    sources.set(span.source, source);
    return `${source} ${span.start} ${span.end}`;
  };
  const origin = (from: Origin): number => {
    const before = known.get(from);
    if (before !== undefined) return before;
    const text = `${spanText(from.source)};${spanText(from.recipe)};${from.path}`;
    const number = numbers.get(text) ?? numbers.size;
    numbers.set(text, number);
    known.set(from, number);
    return number;
  };
  return { kernels: new Map(), bodies: new Map(), origin };
}

export function isFixed(node: Node): boolean {
  return operationOf(node.operation).lowering.kind === "region" || isBare(node);
}

/** The value whose memory a value can be: what a chain of reshapes starts from. */
export function homeOf(value: Value): Value {
  let home = value;
  while (isReshape(home.node)) home = at(home.node.inputs, 0);
  return home;
}

/** Whether a node gives the same elements in the same order. */
export function isReshape(node: Node): boolean {
  const { lowering } = operationOf(node.operation);
  const [source] = node.inputs;
  const [result] = node.outputs;
  if (
    lowering.kind !== "view" ||
    lowering.inside !== undefined ||
    source === undefined ||
    result === undefined
  )
    return false;
  if (sizeOf(source.shape) !== sizeOf(result.shape)) return false;
  const flat = variable("flat", sizeOf(result.shape));
  const names = new Map(unravel(flat, result.shape).map((index, axis) => [`c${axis}`, index]));
  const texts = lowering.index([...names.keys()], node.attributes, source.shape, result.shape);
  const places = texts.map((text) => readIndex(text, names));
  return places.every((place) => place !== undefined) && ravel(places, source.shape).key === flat.key;
}

/** Every computing node a unit of its own, but for chains that are cheaper left together in any case. */
export function makePlan(
  region: Region,
  profile: DeviceProfile,
  replaced: ReadonlyMap<Value, Value> = new Map(),
  analyses: Analyses = noAnalyses(),
): FusionPlan {
  const parameters = new Set(region.parameters);
  const nodes = nodesBetween(region.results, parameters);
  const required = new Set<Value>();
  const require = (value: Value): void => {
    const home = homeOf(value);
    if (!parameters.has(home)) required.add(home);
  };
  region.results.forEach(require);
  for (const node of nodes) if (isFixed(node)) node.inputs.forEach(require);

  const users = new Map<Value, Node[]>();
  for (const node of nodes)
    for (const input of node.inputs) users.set(input, [...(users.get(input) ?? []), node]);

  const plan: FusionPlan = {
    region,
    given: parameters,
    profile,
    units: new Map(),
    owners: new Map(),
    required,
    replaced,
    analyses,
    next: 0,
  };
  const inMemory = storedValues(nodes, parameters, required, users, profile);
  for (const node of nodes) {
    const outputs = node.outputs.filter((value) => inMemory.has(value));
    if (isFixed(node)) addUnit(plan, fixedUnit(plan, node));
    else if (outputs.length > 0) {
      const unit = makeUnit(plan, outputs, (value) => inMemory.has(value));
      if (unit === undefined) throw new Error(`no kernel computes ${node.operation} alone`);
      addUnit(plan, unit);
    }
  }
  return plan;
}

function fixedUnit(plan: FusionPlan, node: Node): Unit {
  const reads = [...new Set(node.inputs.map(homeOf))];
  const inputs = reads.filter((value) => !plan.given.has(value));
  return {
    id: plan.next++,
    fixed: node,
    outputs: node.outputs,
    reads,
    inputs,
    analysis: { template: "fixed", cost: 0, binds: 0 },
  };
}

/** The values that lie in memory before anything is merged: few enough apart that a kernel can bind all it reads. */
function storedValues(
  nodes: readonly Node[],
  parameters: ReadonlySet<Value>,
  required: ReadonlySet<Value>,
  users: ReadonlyMap<Value, readonly Node[]>,
  { limits }: DeviceProfile,
): ReadonlySet<Value> {
  const stored = new Set<Value>();
  const leaves = new Map<Value, ReadonlySet<Value>>();
  const leavesOf = (value: Value): ReadonlySet<Value> =>
    stored.has(value) || parameters.has(value) ? new Set([value]) : (leaves.get(value) ?? new Set());
  for (const node of nodes) {
    const together = (): Set<Value> => new Set(node.inputs.flatMap((input) => [...leavesOf(input)]));
    if (!isFixed(node)) {
      const most = limits.maxStorageBuffersPerShaderStage - node.outputs.length;
      for (let read = together(); read.size > most; read = together()) {
        const cut = widest(node, leavesOf, (value) => stored.has(value) || parameters.has(value));
        if (cut === undefined) break;
        stored.add(cut);
      }
    }
    const read = together();
    for (const output of node.outputs) {
      leaves.set(output, read);
      if (isFixed(node) || required.has(output) || isComputed(output, users)) stored.add(output);
    }
  }
  return stored;
}

/** The inner value that, once stored, saves a kernel most of its reads. */
function widest(
  node: Node,
  leavesOf: (value: Value) => ReadonlySet<Value>,
  isStored: (value: Value) => boolean,
): Value | undefined {
  for (let at = node; ;) {
    const open = at.inputs.filter((value) => !isStored(value) && leavesOf(value).size > 1);
    const next = open.toSorted((a, b) => leavesOf(b).size - leavesOf(a).size)[0];
    if (next === undefined) return undefined;
    if (operationOf(next.node.operation).lowering.kind !== "view" && next.type !== "bool") return next;
    at = next.node;
  }
}

/** Whether a value starts as a kernel's output. Views and sources are repeated by their readers, and so is what never reaches memory. */
function isComputed(value: Value, users: ReadonlyMap<Value, readonly Node[]>): boolean {
  const { kind } = operationOf(value.node.operation).lowering;
  // A product that is only rounded to 16 bits is stored so.
  const [user, ...others] = users.get(value) ?? [];
  if (kind === "product") return others.length > 0 || user === undefined || !isNarrowing(user);
  if (kind === "reduce" || kind === "scatter") return true;
  if (kind === "join" && value.type !== "bool") return true;
  if (kind !== "elementwise" || value.type === "bool") return false;
  if (isNarrowing(value.node)) return true;
  return !isReadInPlace(value, users);
}

/**
 * Whether the only reader works place by place, by way of reshapes, or picks rows of a list by the value: then both are one kernel in any
 * case.
 */
function isReadInPlace(value: Value, users: ReadonlyMap<Value, readonly Node[]>): boolean {
  const [user, ...others] = users.get(value) ?? [];
  if (user === undefined || others.length > 0) return false;
  const { kind } = operationOf(user.operation).lowering;
  if (kind === "view") return isReshape(user) && isReadInPlace(at(user.outputs, 0), users);
  if (kind === "gather") return user.inputs[0]?.shape.length === 1 && user.inputs[0] !== value;
  return kind === "elementwise";
}

/** Whether a node gives in 16 bits what it takes in 32, in rows that words of two elements hold. */
function isNarrowing({ operation, inputs, outputs }: Node): boolean {
  const [source] = inputs;
  const [result] = outputs;
  if (operationOf(operation).lowering.kind !== "elementwise") return false;
  if (source === undefined || result === undefined || (result.shape.at(-1) ?? 1) % 2 !== 0) return false;
  return bytesOf[result.type] < bytesOf[source.type];
}

export function addUnit(plan: FusionPlan, unit: Unit): void {
  plan.units.set(unit.id, unit);
  for (const output of unit.outputs) plan.owners.set(output, unit);
}

/** A kernel for these outputs, reading what `inMemory` says others write; `undefined` where no template takes it. */
export function makeUnit(
  plan: FusionPlan,
  outputs: readonly Value[],
  inMemory: (value: Value) => boolean,
): Unit | undefined {
  const own = new Set(outputs);
  const known = { has: (value: Value) => plan.given.has(value) || (!own.has(value) && inMemory(value)) };
  const nodes = nodesBetween(outputs, known);
  const read = [...new Set(nodes.flatMap(({ inputs }) => inputs))].filter((value) => known.has(value));
  const analysis = analyzed(plan, { parameters: read, results: outputs }, nodes);
  if (analysis === undefined) return undefined;
  const inputs = read.filter((value) => !plan.given.has(value));
  return { id: plan.next++, fixed: undefined, outputs, reads: read, inputs, analysis };
}

function analyzed(
  { analyses, profile }: FusionPlan,
  region: Region,
  nodes: readonly Node[],
): Analysis | undefined {
  const key = structureOf(region, nodes);
  const known = analyses.kernels.get(key);
  if (known !== undefined || analyses.kernels.has(key)) return known;
  const found = analyze(region, profile);
  analyses.kernels.set(key, found);
  return found;
}
