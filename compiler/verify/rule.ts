// What a rule of the verifier is, and what it says when a plan breaks it. Rules look at the finished plan and at nothing else;
// they share the plan's data type with the planner and no code.
import type { Dispatch, Plan, PlanKernel, PlanProgram, PlanSpan, PlanTensor } from "../plan/plan.ts";
import type { KernelText } from "./wgsl.ts";

/** A dispatch as a reader finds it. */
export interface Place {
  readonly program: string;
  readonly dispatch: number;
  readonly path: string;
}

/** One way in which a plan breaks a rule. */
export interface Refusal {
  readonly rule: string;
  /** One calm line without a full stop. */
  readonly message: string;
  readonly buffers: readonly string[];
  readonly tensors: readonly string[];
  readonly kernels: readonly string[];
  readonly dispatches: readonly Place[];
  /** Lines of the recipe that the tensors and dispatches come from. */
  readonly spans: readonly PlanSpan[];
}

/** What a refusal is about, by index. */
export interface Subjects {
  readonly buffers?: readonly number[];
  readonly tensors?: readonly number[];
  readonly kernels?: readonly number[];
  readonly dispatches?: readonly (readonly [program: number, dispatch: number])[];
}

export interface Report {
  /** Counts things looked at. */
  examine(count?: number): void;
  refuse(message: string, subjects?: Subjects): void;
  /** What a kernel's text says, read once for all rules. */
  textOf(kernel: PlanKernel): KernelText;
}

export interface Rule {
  readonly name: string;
  /** What it makes sure of, in one line. */
  readonly about: string;
  check(plan: Plan, report: Report): void;
}

/** Buffers, tensors, dispatches and lines, drawn from their indices; indices that name nothing are left out. */
export function drawSubjects(plan: Plan, subjects: Subjects): Omit<Refusal, "rule" | "message"> {
  const pick = <T>(list: readonly T[], indices: readonly number[] = []): T[] =>
    indices.flatMap((index) => list[index] ?? []);
  const tensors = pick(plan.tensors, subjects.tensors);
  const found = (subjects.dispatches ?? []).flatMap(([program, dispatch]) => {
    const inProgram = plan.programs[program];
    const at = inProgram?.dispatches[dispatch];
    return inProgram === undefined || at === undefined ? [] : [{ program: inProgram.name, dispatch, at }];
  });
  const spans = new Map<string, PlanSpan>();
  for (const { span } of [...tensors, ...found.map(({ at }) => at)]) {
    const drawn = plan.spans[span ?? -1];
    if (drawn !== undefined) spans.set(`${drawn.file}:${drawn.line}:${drawn.column}`, drawn);
  }
  const buffers = new Set([...(subjects.buffers ?? []), ...tensors.map(({ buffer }) => buffer)]);
  return {
    buffers: pick(plan.buffers, [...buffers]).map(({ name }) => name),
    tensors: tensors.map(({ name }) => name),
    kernels: pick(plan.kernels, subjects.kernels).map(({ name }) => name),
    dispatches: found.map(({ program, dispatch, at }) => ({ program, dispatch, path: at.path })),
    spans: [...spans.values()],
  };
}

/** Calls `visit` for every dispatch, with its indices. */
export function eachDispatch(
  { programs }: Plan,
  visit: (dispatch: Dispatch, program: number, index: number, of: PlanProgram) => void,
): void {
  programs.forEach((program, at) =>
    program.dispatches.forEach((dispatch, index) => visit(dispatch, at, index, program)),
  );
}

/** Calls `visit` for every tensor with memory of its own: all that are no alias. */
export function eachOwner({ tensors }: Plan, visit: (tensor: PlanTensor, index: number) => void): void {
  tensors.forEach((tensor, index) => {
    if (tensor.aliasOf === undefined) visit(tensor, index);
  });
}

/** Whether a tensor lies in the host's memory. */
export function isOnHost({ buffers }: Plan, { buffer }: PlanTensor): boolean {
  return buffers[buffer]?.memory === "host";
}

/** The tensors of the device that a program's transfers fill or empty, each with the one of the host that it stands for. */
export function standsFor({ transfers }: PlanProgram): ReadonlyMap<number, number> {
  return new Map(transfers.map(({ device, host }) => [device, host]));
}

/** Where in the host's memory what is written to a tensor will be, if the tensor or what it is an alias of stands for some of it. */
export function homeOf(
  { tensors }: Plan,
  stands: ReadonlyMap<number, number>,
  index: number,
): { readonly owner: number; readonly offset: number } | undefined {
  const tensor = tensors[index];
  const owner = tensor?.aliasOf ?? index;
  const host = stands.get(owner) ?? -1;
  const [device, home] = [tensors[owner], tensors[host]];
  if (tensor === undefined || device === undefined || home === undefined) return undefined;
  return { owner: home.aliasOf ?? host, offset: home.offset + tensor.offset - device.offset };
}

export function alignmentOf({ device }: Plan): number {
  return device.limits.minStorageBufferOffsetAlignment;
}

export function align(bytes: number, unit: number): number {
  return Math.ceil(bytes / unit) * unit;
}

/** Bytes of one element. */
export const elementBytes = { f32: 4, f16: 2, bf16: 2, i32: 4, u32: 4, bool: 4 } as const;

/** How many elements a shape holds; from an axis on: how many a slice. */
export function elements(shape: readonly number[], from: number = 0): number {
  let product = 1;
  for (let axis = from; axis < shape.length; axis += 1) product *= shape[axis] ?? 1;
  return product;
}

/** The ranges, from the tensor's start, in which its elements lie: one, or one a slice where slices lie apart. */
export function rangesOf(tensor: PlanTensor): { readonly start: number; readonly end: number }[] {
  const { count, slice, step } = slicesOf(tensor);
  if (step === slice || count === 1) return [{ start: 0, end: count * slice }];
  return Array.from({ length: count }, (_, at) => ({ start: at * step, end: at * step + slice }));
}

/** Where the last of these ranges ends. */
export function endOf(tensor: PlanTensor): number {
  const { count, slice, step } = slicesOf(tensor);
  return (count - 1) * step + slice;
}

/** Slices along the first axis: how many, the bytes of one, and from one to the next. */
function slicesOf({ shape, stride, type }: PlanTensor): { count: number; slice: number; step: number } {
  const bytes = elementBytes[type];
  return { count: shape[0] ?? 1, slice: elements(shape, 1) * bytes, step: stride * bytes };
}
