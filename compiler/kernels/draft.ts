// From a template's draft to a kernel: numbering of workgroups, the parts of the text in order, totals. A draft is made again
// where a binding turned out not to be readable in groups of four.
import { bytesOf, type Node, type Region, type Value } from "../ir/graph.ts";
import type { DeviceProfile } from "../plan/plan.ts";
import type { Kernel, Layouts } from "./kernel.ts";
import { Memory } from "./memory.ts";
import { sceneOf, type Scene } from "./trace.ts";
import type { Writer } from "./writer.ts";

/** What a kernel is to compute. */
export interface Task {
  readonly region: Region;
  readonly layouts: Layouts;
  readonly profile: DeviceProfile;
  /** Of a map, the elements that are computed; all if unsaid. */
  readonly range?: { readonly from: number; readonly to: number };
  /** Only costs are wanted: the text may leave out what costs the same as what stands beside it. */
  readonly survey?: boolean;
}

export interface Draft {
  readonly about: string;
  readonly scene: Scene;
  /** WGSL outside of functions, such as workgroup variables. */
  readonly globals: readonly string[];
  /** WGSL functions beside `main`. */
  readonly functions: readonly string[];
  /** The text of `main`; `group` is the workgroup's number, `local` the invocation's id in it. */
  readonly body: string;
  readonly workgroupSize: readonly [number, number, number];
  readonly groups: number;
  readonly workgroupMemory: number;
  readonly flops: number;
}

/** Makes a draft; throws NoExpression where the template does not fit the region. */
export type Drafter = (task: Task, scene: Scene) => Draft;

export function draftOnce(drafter: Drafter, task: Task, narrow: ReadonlySet<string> = new Set()): Draft {
  const { region, layouts } = task;
  const memory = new Memory(region.parameters, region.results, layouts, narrow);
  return drafter(task, sceneOf(region, memory));
}

export function kernelOf(drafter: Drafter, task: Task): Kernel {
  const narrow = new Set<string>();
  for (;;) {
    const draft = draftOnce(drafter, task, narrow);
    const found = draft.scene.memory.narrow;
    if ([...found].every((name) => narrow.has(name))) return assemble(draft, task);
    for (const name of found) narrow.add(name);
  }
}

export function assemble(draft: Draft, { profile }: Task): Kernel {
  const { scene, groups, workgroupSize, globals, functions, body } = draft;
  const workgroups = spread(groups, profile.limits.maxComputeWorkgroupsPerDimension);
  const [x, y] = workgroups;
  const number =
    y === 1
      ? "group_id.x"
      : workgroups[2] === 1
        ? `group_id.y * ${x}u + group_id.x`
        : `(group_id.z * ${y}u + group_id.y) * ${x}u + group_id.x`;
  const exact = workgroups[0] * workgroups[1] * workgroups[2] === groups;
  const repeats = body.includes("* once;");
  const builtins = [
    "@builtin(workgroup_id) group_id: vec3<u32>",
    "@builtin(local_invocation_id) local: vec3<u32>",
  ];
  if (repeats) builtins.push("@builtin(num_workgroups) count: vec3<u32>");
  const wgsl = [
    scene.memory.declarations(),
    ...globals,
    ...[...scene.functions].map((text) => text.trimEnd()),
    ...functions,
    `@compute @workgroup_size(${workgroupSize.join(", ")})`,
    `fn main(${builtins.join(", ")}) {`,
    `  let group = ${number};`,
    ...(repeats ? ["  let once = min(count.x, 1u);"] : []),
    ...(exact ? [] : [`  if (group >= ${groups}u) { return; }`]),
    body,
    "}",
    "",
  ].join("\n");
  const bindings = scene.memory.bindings();
  return {
    about: draft.about,
    wgsl,
    bindings,
    values: scene.memory.values(),
    workgroupSize,
    workgroups,
    workgroupMemory: draft.workgroupMemory,
    features: [],
    flops: Math.round(draft.flops),
    bytes: bindings.reduce(
      (total, { bytes, reads, writes }) => total + bytes * (Number(reads) + Number(writes)),
      0,
    ),
  };
}

/** A number of workgroups over as few dimensions as the limit allows, with few to spare. */
export function spread(groups: number, limit: number): readonly [number, number, number] {
  if (groups <= limit) return [groups, 1, 1];
  const rows = Math.ceil(groups / limit);
  if (rows <= limit) return [Math.ceil(groups / rows), rows, 1];
  const layers = Math.ceil(rows / limit);
  const each = Math.ceil(rows / layers);
  return [Math.ceil(groups / (each * layers)), each, layers];
}

/** The nodes of a region, each after its inputs. Its parameters may be values of a larger graph; nothing behind them is seen. */
export function nodesOf(region: Region, results: readonly Value[] = region.results): readonly Node[] {
  const given = new Set(region.parameters);
  const order: Node[] = [];
  const seen = new Set<Node>();
  const stack: { readonly node: Node; next: number }[] = [];
  const enter = (value: Value): void => {
    if (given.has(value) || seen.has(value.node)) return;
    seen.add(value.node);
    stack.push({ node: value.node, next: 0 });
  };
  for (const result of results) {
    enter(result);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const input = top.node.inputs[top.next];
      top.next += 1;
      if (input !== undefined) enter(input);
      else {
        order.push(top.node);
        stack.pop();
      }
    }
  }
  return order;
}

/** The parameters of a region that some values depend on. */
export function parametersOf(region: Region, values: readonly Value[]): ReadonlySet<Value> {
  const given = new Set(region.parameters);
  const used = nodesOf(region, values).flatMap(({ inputs }) => inputs);
  return new Set([...values, ...used].filter((value) => given.has(value)));
}

/** The operations of a region in a few words: "map: multiply, add, rsqrt". */
export function describe(template: string, region: Region, most: number = 6): string {
  const names = [...new Set(nodesOf(region).map(({ operation }) => operation))];
  const shown = names.slice(0, most).join(", ");
  return `${template}: ${shown}${names.length > most ? ", …" : ""}`;
}

/** Whether the device is a processor that poses as a GPU: few invocations at once, barriers dear. */
export function isSerial(profile: DeviceProfile): boolean {
  return profile.tiles.length > 0 && profile.tiles.every(({ kind }) => kind === "direct");
}

/**
 * The bound of a loop of so many steps. GPUs want it constant. A processor's driver would unroll such a loop and take seconds to
 * compile what is left, so there it is a number that the driver cannot know: measured on lavapipe, a row of 64 in 0.4 s
 * instead of 4.4 s.
 */
export function turns(steps: number, profile: DeviceProfile): string {
  return isSerial(profile) ? `${steps}u * once` : `${steps}u`;
}

/** How many workgroups keep the device busy. */
export function busyGroups(profile: DeviceProfile): number {
  return isSerial(profile) ? 8 : 256;
}

/** The smallest power of two that is not below a number. */
export function powerOfTwo(least: number): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2(least)));
}

/** Counts four lanes by writing two: the third and fourth add what the second adds to the first. */
export function countLanes({ memory }: Scene, writer: Writer, write: (lane: number) => void): void {
  write(0);
  const loads = new Map(memory.loads);
  const { flops } = writer.count;
  write(1);
  for (const [input, both] of memory.loads) memory.loads.set(input, 3 * both - 2 * (loads.get(input) ?? 0));
  writer.count.flops = 3 * writer.count.flops - 2 * flops;
}

/** Elements that one invocation computes side by side: groups of four where sizes allow, pairs where 16 bits are stored. */
export function lanesFor(region: Region, sizes: readonly number[]): number {
  if (sizes.every((size) => size % 4 === 0)) return 4;
  return region.results.some(({ type }) => bytesOf[type] === 2) ? 2 : 1;
}

export function has16Bit(region: Region): boolean {
  return region.results.some(({ type }) => bytesOf[type] === 2);
}
