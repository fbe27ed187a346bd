// What a plan says to its reader, as data: the object of `compile --plan=json`, with the keys that scripts depend on. Everything is
// taken from the plan and from what the verifier found; nothing is estimated but the host's memory.
import { sizeOf, type ElementType } from "../ir/graph.ts";
import { verify, type Verification } from "../verify/verify.ts";
import { costOfKernel } from "./cost.ts";
import { roundUp } from "./held.ts";
import { trafficOf } from "./traffic.ts";
import {
  timesPerStep,
  type MemoryKind,
  type Plan,
  type PlanProgram,
  type PlanSpan,
  type PlanTensor,
} from "./plan.ts";
import { heldBytes, timelineOf, type Stretch } from "./timeline.ts";

export interface ReportProgram {
  readonly peak_bytes: number;
  /** Undefined in a program without dispatches. */
  readonly peak_at:
    { readonly dispatch: number; readonly op: string; readonly span: PlanSpan | undefined } | undefined;
  readonly dispatches: number;
  readonly operations: number;
  readonly per_step: number;
}

/** The host's side: what lives there, what passes through it while loading, and what a step moves. */
export interface ReportHost {
  readonly peak_bytes: number;
  /** Bytes of variables that the recipe has live there. */
  readonly held_bytes: number;
  /** Bytes of a step, in both directions, what the host writes and reads included. */
  readonly traffic_per_step: number;
  /** Bytes of what lives on the host that a step brings to the device and back. */
  readonly up_per_step: number;
  readonly down_per_step: number;
  /** Foretold from the profile's rate, for these bytes. */
  readonly transfer_seconds: number;
}

/** What is live at the peak. Parts of one variable, and the same value of many layers, are one entry. */
export interface ReportEntry {
  readonly name: string;
  readonly kind: MemoryKind;
  readonly type: ElementType;
  readonly bytes: number;
  readonly span: PlanSpan | undefined;
}

/** A kernel, with what one dispatch of it is predicted to take. */
export interface ReportKernel {
  readonly name: string;
  readonly about: string;
  readonly dispatches_per_step: number;
  readonly flops: number;
  readonly bytes: number;
  /** In bytes that could be moved meanwhile. */
  readonly cost: number;
}

/** An edit of the recipe with which it would fit, found by planning again. */
export interface Repair {
  readonly edit: string;
  readonly peak_bytes: number;
}

export interface PlanReport {
  readonly format: 1;
  readonly recipe: string;
  readonly hash: string;
  readonly device: string;
  readonly verified: boolean;
  readonly fits: boolean;
  readonly memory: {
    readonly peak_bytes: number;
    readonly budget_bytes: number;
    readonly lower_bound_bytes: number;
    readonly by_kind: Readonly<Record<MemoryKind | "free", number>>;
    /** The bytes that are no holes, by the type of what they hold; what lies in a format of fewer bits counts as u32. */
    readonly by_type: Readonly<Partial<Record<ElementType, number>>>;
    readonly host: ReportHost;
    readonly programs: Readonly<Record<string, ReportProgram>>;
    readonly top: readonly ReportEntry[];
    /** Memory over a step: what is live throughout, and the most that is live in each stretch of dispatches. */
    readonly timeline: { readonly held_bytes: number; readonly stretches: readonly Stretch[] };
  };
  readonly parameters: {
    readonly total: number;
    readonly trainable: number;
    /** Trained parameters of each adapter, by its name in the recipe. */
    readonly adapters: Readonly<Record<string, number>>;
  };
  readonly work: {
    readonly dispatches_per_step: number;
    readonly operations_per_step: number;
    readonly flops_per_step: number;
    readonly bytes_per_step: number;
    readonly kernels: number;
    /** Predicted, in bytes that could be moved meanwhile. */
    readonly cost_per_step: number;
  };
  readonly kernels: readonly ReportKernel[];
  readonly decisions: Plan["decisions"];
  readonly repairs?: readonly Repair[];
  readonly checks: readonly { readonly rule: string; readonly passed: boolean; readonly examined: number }[];
}

const topEntries = 24;

/** As many as a terminal has columns beside the numbers. */
const stretchesOfStep = 64;

export function reportJson(
  plan: Plan,
  verification: Verification = verify(plan),
  repairs: readonly Repair[] = [],
): PlanReport {
  const fullest = plan.programs.reduce<PlanProgram | undefined>(
    (best, program) => (best === undefined || program.peakBytes > best.peakBytes ? program : best),
    undefined,
  );
  const live = liveAt(plan, fullest);
  const perStep = (measure: (program: PlanProgram) => number): number =>
    plan.programs.reduce((sum, program) => sum + timesPerStep(plan, program.name) * measure(program), 0);
  const kernels = kernelsOf(plan);
  const ofKernels = (what: "flops" | "bytes"): number =>
    kernels.reduce((sum, kernel) => sum + kernel.dispatches_per_step * kernel[what], 0);
  return {
    format: 1,
    recipe: plan.recipe,
    hash: plan.hash,
    device: plan.device.name,
    verified: verification.verified !== undefined,
    fits: verification.fits,
    memory: {
      peak_bytes: plan.peakBytes,
      budget_bytes: plan.budget,
      lower_bound_bytes: plan.lowerBoundBytes,
      by_kind: byKind(plan, live),
      by_type: byType(live),
      host: hostMemory(plan),
      programs: programsOf(plan),
      top: entriesOf(plan, live).slice(0, topEntries),
      timeline: { held_bytes: heldBytes(plan), stretches: timelineOf(plan, stretchesOfStep) },
    },
    parameters: { ...plan.parameters, adapters: adapterParameters(plan) },
    work: {
      dispatches_per_step: perStep(({ dispatches }) => dispatches.length),
      operations_per_step: perStep(({ operations }) => operations),
      flops_per_step: ofKernels("flops"),
      bytes_per_step: ofKernels("bytes"),
      kernels: plan.kernels.length,
      cost_per_step: kernels.reduce((sum, { cost, dispatches_per_step: times }) => sum + times * cost, 0),
    },
    kernels,
    decisions: plan.decisions,
    ...(verification.fits ? {} : { repairs }),
    checks: verification.checks.map(({ rule, passed, examined }) => ({ rule, passed, examined })),
  };
}

function kernelsOf(plan: Plan): readonly ReportKernel[] {
  const times = plan.kernels.map(() => 0);
  for (const { name, dispatches } of plan.programs) {
    const runs = timesPerStep(plan, name);
    for (const { kernel } of dispatches) times[kernel] = (times[kernel] ?? 0) + runs;
  }
  return plan.kernels.map((kernel, at) => ({
    name: kernel.name,
    about: kernel.about,
    dispatches_per_step: times[at] ?? 0,
    flops: kernel.flops,
    bytes: kernel.bytes,
    cost: costOfKernel(kernel, plan.device),
  }));
}

/** Tensors of the device with memory of their own that are live at the program's fullest dispatch; all persistent ones are. */
function liveAt({ tensors, buffers }: Plan, program: PlanProgram | undefined): PlanTensor[] {
  return tensors.filter(({ aliasOf, lifetime, buffer }) => {
    if (aliasOf !== undefined || buffers[buffer]?.memory === "host") return false;
    if (lifetime === undefined) return true;
    const at = program?.peakAt ?? -1;
    return lifetime.program === program?.name && lifetime.first <= at && at <= lifetime.last;
  });
}

function byKind(plan: Plan, live: readonly PlanTensor[]): Record<MemoryKind | "free", number> {
  const sums = {
    weights: 0,
    adapter: 0,
    gradients: 0,
    optimizer: 0,
    activations: 0,
    workspace: 0,
    constants: 0,
    io: 0,
    free: plan.peakBytes,
  };
  for (const { kind, size } of live) {
    sums[kind] += size;
    sums.free -= size;
  }
  return sums;
}

function byType(live: readonly PlanTensor[]): Partial<Record<ElementType, number>> {
  const sums: Partial<Record<ElementType, number>> = {};
  for (const { type, size } of live) sums[type] = (sums[type] ?? 0) + size;
  return sums;
}

/** The largest first; layers' numbers are replaced, so that the same value of many layers counts as one. */
function entriesOf(plan: Plan, live: readonly PlanTensor[]): ReportEntry[] {
  const unit = plan.device.limits.minStorageBufferOffsetAlignment;
  const found = new Map<string, ReportEntry & { readonly count: number }>();
  for (const { name, kind, type, size, span } of live) {
    const named = name
      .replace(/\[\d+\]$/, "")
      .replace(/ \(\d+\)$/, "")
      .replaceAll(/(?<=\.)\d+(?=[./]|$)/g, "{i}");
    const key = `${kind} ${type} ${named}`;
    const known = found.get(key);
    const bytes = (known?.bytes ?? 0) + roundUp(size, unit);
    found.set(key, {
      name: named,
      kind,
      type,
      bytes,
      span: known?.span ?? plan.spans[span ?? -1],
      count: (known?.count ?? 0) + 1,
    });
  }
  return [...found.values()]
    .sort((a, b) => b.bytes - a.bytes)
    .map(({ name, kind, type, bytes, span, count }) => ({
      name: count === 1 ? name : `${name} × ${count}`,
      kind,
      type,
      bytes,
      span,
    }));
}

/** Programs by name; those that take a tensor of each layer into a format stand together, the fullest for all. */
function programsOf(plan: Plan): Readonly<Record<string, ReportProgram>> {
  const together = new Map(
    plan.held.flatMap(({ name, programs }) => programs.map((each) => [each, `encode ${name}`] as const)),
  );
  const found = new Map<string, PlanProgram>();
  for (const program of plan.programs) {
    const name = together.get(program.name) ?? program.name;
    const known = found.get(name);
    if (known === undefined || known.peakBytes < program.peakBytes) found.set(name, program);
  }
  return Object.fromEntries([...found].map(([name, program]) => [name, reportProgram(plan, program)]));
}

function reportProgram(
  plan: Plan,
  { name, peakBytes, peakAt, dispatches, operations }: PlanProgram,
): ReportProgram {
  const at = dispatches[peakAt];
  const about = plan.kernels[at?.kernel ?? -1]?.about ?? "";
  const op = at === undefined || at.path === "" ? about : `${at.path}: ${about}`;
  return {
    peak_bytes: peakBytes,
    peak_at: at === undefined ? undefined : { dispatch: peakAt, op, span: plan.spans[at.span ?? -1] },
    dispatches: dispatches.length,
    operations,
    per_step: timesPerStep(plan, name),
  };
}

/**
 * Host memory: what lives there, what is written and read each step, and the largest part of a variable, which passes through it while loading; tensors that
 * go into a format do so in pieces.
 * Traffic: what the host writes is written before every program that reads it, what it reads is read once a step.
 */
function hostMemory(plan: Plan): ReportHost {
  let peak = 0;
  let traffic = 0;
  let largest = 0;
  const bound = plan.programs.map(({ dispatches }) => new Set(dispatches.flatMap(({ tensors }) => tensors)));
  const inPieces = new Set(plan.held.map(({ staging }) => staging));
  for (const { name: variable, kind, parts, initial } of plan.variables) {
    if (inPieces.has(variable)) continue;
    const bytes = parts.reduce((sum, part) => sum + (plan.tensors[part]?.size ?? 0), 0);
    for (const part of parts) largest = Math.max(largest, plan.tensors[part]?.size ?? 0);
    if (kind !== "io") continue;
    peak += bytes;
    const runs = plan.programs.map(({ name }, at) =>
      parts.some((part) => bound[at]?.has(part)) ? timesPerStep(plan, name) : 0,
    );
    traffic +=
      bytes *
      (initial.from === "host"
        ? runs.reduce((sum, count) => sum + count, 0)
        : Math.min(1, Math.max(0, ...runs)));
  }
  const { up, down, seconds } = trafficOf(plan);
  return {
    peak_bytes: plan.hostBytes + peak + largest,
    held_bytes: plan.hostBytes,
    traffic_per_step: traffic + up + down,
    up_per_step: up,
    down_per_step: down,
    transfer_seconds: seconds,
  };
}

/** An adapter's variables are named after it: "lora.model.layers.{i}.…". */
function adapterParameters({ variables }: Plan): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { name, kind, shape } of variables) {
    if (kind !== "adapter") continue;
    const alias = name.slice(0, name.indexOf("."));
    counts[alias] = (counts[alias] ?? 0) + sizeOf(shape);
  }
  return counts;
}
