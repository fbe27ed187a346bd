// From a fused module to a plan: unroll, lay out, give rooms, choose kernels, place in memory, number everything. In: a module
// whose programs hold fused nodes, and where kernels come from. Out: the plan with its hash, or what stands in the way.
import {
  topological,
  type HeldTensor,
  type Module,
  type Node,
  type Region,
  type StepRun,
} from "../ir/graph.ts";
import { inTurn } from "../ir/place.ts";
import type { Tensor } from "../ops/operation.ts";
import { copyMaker, type Premises } from "./arrange.ts";
import { layOut, type Layout, type Obstacle } from "./layout.ts";
import type { Choice } from "./memory/planners.ts";
import type { Planner } from "./memory/problem.ts";
import { numberKernels, numberTensors, numberSpans } from "./number.ts";
import { placeRooms, tooLarge, variableRooms, type VariableRooms } from "./place.ts";
import {
  planFormat,
  type Decision,
  type DeviceProfile,
  type Plan,
  type PlanBuffer,
  type PlanHeld,
  type UnsealedPlan,
  type PlanJob,
  type PlanProgram,
  type PlanVariable,
} from "./plan.ts";
import { chooser, type Chooser, type KernelSource } from "./choice.ts";
import { store, type StoredProgram } from "./storage.ts";
import { initialOf } from "./tables.ts";
import { transferDecisions } from "./traffic.ts";
import { unroll, type Unrolled } from "./unroll.ts";
import { withVisits } from "./visits.ts";

export interface PlanRequest {
  readonly module: Module;
  readonly profile: DeviceProfile;
  /** Bytes allowed on the device. */
  readonly budget: number;
  readonly job: PlanJob;
  readonly parameters: Plan["parameters"];
  /** The programs of a step; what is not named runs outside of steps. */
  readonly step: readonly StepRun[];
  /** Decisions of earlier passes; the planner's come after them. */
  readonly decisions: readonly Decision[];
  readonly kernels: KernelSource;
  /** Kernels already chosen from `kernels` for this profile; gains what is chosen here. */
  readonly chosen?: Chooser;
  /** Computes tables: the interpreter. */
  readonly interpret: (region: Region, inputs: readonly Tensor[]) => readonly Tensor[];
  /** Memory planners to try, instead of the usual ones. */
  readonly planners?: readonly Planner[];
}

export type PlanResult = { readonly plan: UnsealedPlan } | { readonly obstacles: readonly Obstacle[] };

/** What a module needs before anything has an offset. */
export interface Scheduled {
  readonly unrolled: readonly Unrolled[];
  readonly layout: Layout;
  readonly rooms: VariableRooms;
  readonly programs: readonly StoredProgram[];
}

/** Everything but offsets: order, layouts, rooms and kernels. */
export function schedule({
  module,
  profile,
  kernels,
  chosen,
}: Pick<PlanRequest, "module" | "profile" | "kernels" | "chosen">):
  Scheduled | { readonly obstacles: readonly Obstacle[] } {
  const alignment = profile.limits.minStorageBufferOffsetAlignment;
  const copying = copyMaker();
  const unrolled = module.programs.flatMap((program) => unroll(program, module.variables, alignment));
  const layout = layOut(module, unrolled, profile, copying);
  if (layout.obstacles.length > 0) return { obstacles: layout.obstacles };

  const choose = chosen ?? chooser(kernels, profile);
  const rooms = variableRooms(module, layout, profile);
  const premises: Premises = { variables: layout.variables, alignment, limits: profile.limits, copying };
  const programs = layout.programs.map((program) =>
    withVisits(store(program, premises, rooms.of, choose), rooms.parts, profile.limits),
  );
  const obstacles = tooLarge(programs, profile);
  return obstacles.length > 0 ? { obstacles } : { unrolled, layout, rooms, programs };
}

export function buildPlan(request: PlanRequest): PlanResult {
  const scheduled = schedule(request);
  return "obstacles" in scheduled ? scheduled : placePlan(request, scheduled);
}

function placePlan(request: PlanRequest, { unrolled, layout, rooms, programs }: Scheduled): PlanResult {
  const { module, profile, budget, job, parameters } = request;
  const memory = placeRooms(rooms.all, programs, profile, request.planners);
  const spans = numberSpans();
  const tensors = numberTensors(module, rooms.parts.flat(2), programs, memory.at, spans);
  const kernels = numberKernels();
  const variables = module.variables.flatMap((variable, index): PlanVariable[] => {
    const parts = rooms.parts[index] ?? [];
    if (parts.length === 0) return [];
    const { name, kind, type, shape } = variable;
    const stack = variable.stack || parts.length > 1;
    const initial = initialOf(variable, request.interpret);
    const windows = parts[0]?.length ?? 1;
    const indices = parts.flat().map((part) => tensors.indexOf(part));
    return [
      { name, kind, type, shape, stack, parts: indices, ...(windows === 1 ? {} : { windows }), initial },
    ];
  });
  const counted = operationCounter();
  const planned = programs.map(({ name, steps, dispatches, transfers }, index): PlanProgram => {
    const { peakBytes, peakAt } = memory.peaks[index] ?? { peakBytes: 0, peakAt: -1 };
    return {
      name,
      dispatches: dispatches.map(({ kernel, places, step: { path, origin } }) => ({
        kernel: kernels.indexOf(kernel),
        path,
        span: spans.indexOf(origin),
        tensors: places.map((place) => tensors.indexOf(place)),
      })),
      transfers: transfers.map(({ direction, before, host, device }) => ({
        direction,
        before,
        host: tensors.indexOf(host),
        device: tensors.indexOf(device),
      })),
      operations: steps.reduce((sum, { node }) => sum + counted(node), 0),
      peakBytes,
      peakAt,
    };
  });
  const plan: UnsealedPlan = {
    format: planFormat,
    recipe: module.name,
    device: profile,
    budget,
    peakBytes: bytesIn(memory.buffers, "device"),
    hostBytes: bytesIn(memory.buffers, "host"),
    lowerBoundBytes: memory.lowerBound,
    job,
    parameters,
    buffers: memory.buffers,
    tensors: tensors.list,
    variables,
    held: (module.held ?? []).map((held) => heldOf(held, module)),
    kernels: kernels.list,
    programs: planned,
    step: request.step,
    scalars: module.scalars,
    decisions: [...request.decisions, ...decisionsOf(module, layout, unrolled, programs, memory.choice)],
    spans: spans.list,
  };
  return { plan: { ...plan, decisions: [...plan.decisions, ...transferDecisions(plan)] } };
}

function bytesIn(buffers: readonly PlanBuffer[], memory: PlanBuffer["memory"]): number {
  return buffers.reduce((sum, buffer) => (buffer.memory === memory ? sum + buffer.size : sum), 0);
}

/** A held tensor with the programs that its program stands for. */
function heldOf({ program, ...held }: HeldTensor, { programs }: Module): PlanHeld {
  const parts = programs.find(({ name }) => name === program)?.parts;
  const names =
    parts === undefined ? [program] : Array.from({ length: parts }, (_, at) => inTurn(program, at));
  return { ...held, programs: names };
}

/** Counts the primitive operations that a fused node computes. */
function operationCounter(): (node: Node) => number {
  const known = new Map<Node, number>();
  return (node) => {
    const count =
      known.get(node) ??
      node.regions.reduce(
        (sum, { results }) =>
          sum + topological(results).filter(({ operation }) => operation !== "parameter").length,
        0,
      );
    known.set(node, count);
    return count;
  };
}

function decisionsOf(
  module: Module,
  layout: Layout,
  unrolled: readonly Unrolled[],
  programs: readonly StoredProgram[],
  { planner, placement, tried }: Choice,
): Decision[] {
  const unused = module.variables
    .filter((_, index) => layout.variables[index]?.used !== true)
    .map(({ name }) => name);
  // Of programs that do the same for each layer, the first speaks for all.
  const distinct = unrolled.filter(({ writes }) => (writes[0]?.part ?? 0) === 0);
  const decisions: Decision[] = distinct.flatMap(({ name, orders }) =>
    orders
      // Loops are named where the order makes a difference.
      .filter(({ tried }, at) => at === 0 || tried.some(({ peak }) => peak !== tried[0]?.peak))
      .map(({ loop, rule, tried }) => ({
        what: loop === undefined ? `order of '${name}'` : `order of '${name}' in ${loop}`,
        chosen: rule,
        why: "least memory live at the fullest moment",
        considered: tried.map(({ rule, peak }) => `${rule}: ${peak} bytes`),
      })),
  );
  decisions.push({
    what: "memory planner",
    chosen: planner,
    why: `${placement.bytes} bytes of transient memory, the least of those tried`,
    considered: tried.map(({ planner, bytes }) => `${planner}: ${bytes} bytes`),
  });
  for (const { name, copies } of programs) {
    if (copies === 0) continue;
    const why = "values wanted in a layout they do not have, and results whose variable is still read";
    decisions.push({ what: `copies in '${name}'`, chosen: String(copies), why, considered: [] });
  }
  if (unused.length > 0) {
    const why = "no program reads or writes them";
    decisions.push({ what: "variables without memory", chosen: unused.join(", "), why, considered: [] });
  }
  return decisions;
}
