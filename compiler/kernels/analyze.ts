// Whether a region can be one kernel, of which template, and what it would cost: what fusion decides by. The cost is an
// estimate in bytes of memory traffic; computing and launching are converted to what could be moved meanwhile.
import { bytesOf, sizeOf, type Node, type Region, type Value } from "../ir/graph.ts";
import { operationOf } from "../ops/index.ts";
import type { DeviceProfile } from "../plan/plan.ts";
import { windowCount } from "../plan/windows.ts";
import { templates } from "./choose.ts";
import { busyGroups, draftOnce, isSerial, nodesOf } from "./draft.ts";
import { plainLayouts } from "./kernel.ts";
import { pickTile } from "./matmul.ts";
import { isProduct, readProduct, surveyProduct } from "./product.ts";
import { NoExpression, type Scene } from "./trace.ts";

export interface Analysis {
  readonly template: string;
  readonly cost: number;
  /** The most bindings that its dispatches take, with those of values in several windows. */
  readonly binds: number;
}

/** What a launch and its barrier cost: some microseconds, in bytes. */
export const LAUNCH = 1_000_000;

/** What a floating-point operation costs in bytes that could be moved meanwhile. */
export function bytesPerFlop(profile: DeviceProfile): number {
  return isSerial(profile) ? 1 : 0.1;
}

/**
 * What a byte that moves between the host's memory and the device's costs in bytes that the device could move meanwhile in its own: by a
 * rate of that which suits LAUNCH.
 */
export function bytesPerTransferred(profile: DeviceProfile): number {
  return (isSerial(profile) ? 10_000_000_000 : 300_000_000_000) / profile.transferRate;
}

/**
 * What an operation that branches costs in a product, in bytes: more than a launch. Its text is repeated for each operand of a tile,
 * keeps tiles from plain wide loads, and takes a processor's driver long to compile (lavapipe: 10 s a kernel instead of 1).
 */
const BRANCH = 4 * LAUNCH;

/** Larger kernels take long to compile and run out of registers. */
const MOST_NODES = 300;

/** The region's parameters may be values of a larger graph. */
export function analyze(region: Region, profile: DeviceProfile): Analysis | undefined {
  const nodes = nodesOf(region);
  if (nodes.length > MOST_NODES || bindsTooMuch(region, profile)) return undefined;
  const product = nodes.find(isProduct);
  if (product !== undefined) {
    if (!fitsProduct(product, nodes, region)) return undefined;
    const decoding = decodingIn(nodes, region);
    if (decoding.size > 0 && readProduct(product).m > profile.decodedRows) return undefined;
    const found = attempt("matmul", () => surveyMatmul(region, profile), region, profile);
    const penalty = nodes.filter((node) => branches(node) && !decoding.has(node)).length * BRANCH;
    return found === undefined ? undefined : { ...found, cost: found.cost + penalty };
  }
  const kinds = new Set(nodes.map(({ operation }) => operationOf(operation).lowering.kind));
  for (const [template, drafter] of templates) {
    if (template === "matmul" || !mayTake(template, kinds)) continue;
    const found = attempt(
      template,
      () => {
        const draft = draftOnce(drafter, { region, layouts: plainLayouts, profile, survey: true });
        if (draft.workgroupMemory > profile.limits.maxComputeWorkgroupStorageSize)
          throw new NoExpression("too much memory");
        return draft;
      },
      region,
      profile,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

function isDecoded({ operation }: Node): boolean {
  const { lowering } = operationOf(operation);
  return lowering.kind === "elementwise" && lowering.decodes === true;
}

/** What computes with the tensors that hold another in a format, to have that one. */
function decodingIn(nodes: readonly Node[], { parameters }: Region): ReadonlySet<Node> {
  const given = new Set(parameters);
  const found = new Set<Node>();
  const visit = (value: Value): void => {
    if (given.has(value) || found.has(value.node)) return;
    if (operationOf(value.node.operation).lowering.kind !== "view") found.add(value.node);
    value.node.inputs.forEach(visit);
  };
  for (const node of nodes) if (isDecoded(node)) node.inputs.forEach(visit);
  return found;
}

/** Whether an operation's text branches or loads by index: no matter for a map, dear in the inner loop of a product. */
function branches({ operation }: Node): boolean {
  const { kind } = operationOf(operation).lowering;
  return kind === "join" || kind === "gather";
}

/** Whether a kernel of this region would bind more values than a device allows. */
function bindsTooMuch({ parameters, results }: Region, { limits }: DeviceProfile): boolean {
  return parameters.length + new Set(results).size > limits.maxStorageBuffersPerShaderStage;
}

function bindsOf(template: string, { parameters, results }: Region, { limits }: DeviceProfile): number {
  const total = sizeOf(results[0]?.shape ?? []);
  // A map has a kernel for each window of what is as large as its results.
  const windows = (value: Value): number =>
    template === "map" && sizeOf(value.shape) === total ? 1 : windowCount(value, limits);
  return [...parameters, ...new Set(results)].reduce((sum, value) => sum + windows(value), 0);
}

/** What the template of products asks of a region, as far as it can be seen without writing the text. */
function fitsProduct(product: Node, nodes: readonly Node[], region: Region): boolean {
  const alone = nodes.every((node) => {
    const { kind } = operationOf(node.operation).lowering;
    return node === product || (kind !== "product" && kind !== "reduce" && kind !== "scatter");
  });
  const size = sizeOf(product.outputs[0]?.shape ?? []);
  return alone && region.results.every(({ shape }) => sizeOf(shape) === size);
}

/** Whether a template is worth trying, by the classes of operations in the region: a try that fails is costly. */
function mayTake(template: string, kinds: ReadonlySet<string>): boolean {
  if (kinds.has("scatter")) return template === "scatter";
  return kinds.has("reduce") ? template === "row" || template === "reduce" : template === "map";
}

function surveyMatmul(region: Region, profile: DeviceProfile): Survey {
  const node = nodesOf(region).find(isProduct);
  if (node === undefined) throw new NoExpression("no product");
  const { m, n, k } = readProduct(node);
  const tile = pickTile(profile, m, n, k);
  // Without workgroup memory every invocation reads its operands itself.
  const block = tile.kind === "direct" ? { rows: tile.rowsEach, columns: tile.columnsEach } : tile;
  const { scene, flops } = surveyProduct(region, block);
  return { scene, flops, groups: busyGroups(profile) };
}

interface Survey {
  readonly scene: Scene;
  readonly flops: number;
  readonly groups: number;
}

function attempt(
  template: string,
  survey: () => Survey,
  region: Region,
  profile: DeviceProfile,
): Analysis | undefined {
  let found: Survey;
  try {
    found = survey();
  } catch (error) {
    if (error instanceof NoExpression) return undefined;
    throw error;
  }
  const { memory } = found.scene;
  const weight = bytesPerFlop(profile);
  let bytes = found.flops * weight;
  for (const [input, loads] of memory.loads) {
    const parameter = region.parameters[input];
    if (parameter === undefined) continue;
    // The first time from memory, then from caches.
    const elements = sizeOf(parameter.shape);
    bytes += bytesOf[parameter.type] * (Math.min(loads, elements) + weight * loads);
  }
  for (const { shape, type } of region.results) bytes += bytesOf[type] * sizeOf(shape);
  const idle = Math.max(1, busyGroups(profile) / found.groups);
  // A kernel that cannot fill the device is slower, down to what one workgroup can do.
  return { template, cost: LAUNCH + bytes * idle, binds: bindsOf(template, region, profile) };
}
