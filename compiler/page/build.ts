// The data of a report's page. In: a plan with what the verifier found, the recipe's text and settings. Out: plain data (`data.ts`) in
// which names are shared between layers and everything knows the lines of the recipe that stand behind it.
import { positionAt, type Source, type Span } from "../../grammar/source.ts";
import { parse } from "../../grammar/parse.ts";
import { causesOf, causesOfDecision } from "../causes.ts";
import type { Settings } from "../language/settings.ts";
import type { MemoryKind, Plan, PlanProgram, PlanTensor } from "../plan/plan.ts";
import { reportJson, type Repair } from "../plan/report-json.ts";
import { programsOfStep } from "../plan/timeline.ts";
import type { Verification } from "../verify/verify.ts";
import type { Diagnostic } from "../../grammar/diagnostic.ts";
import { timesPerStep } from "../plan/plan.ts";
import { pack, type PageKernel, type PagePlan, type PageProgram, type PageTensors } from "./data.ts";

export interface PageInput {
  readonly title: string;
  readonly plan: Plan;
  readonly verification: Verification;
  readonly settings: Settings;
  /** The recipe as the user wrote it. */
  readonly source: Source;
  readonly repairs: readonly Repair[];
  readonly refusal: Diagnostic | undefined;
}

export function pagePlan(input: PageInput): PagePlan {
  const { title, plan, verification, settings, source, repairs, refusal } = input;
  const words = { names: listing(), shapes: listing(), kinds: listing(), types: listing() };
  const lines = linesIn(source);
  // What lives on the host has no place in the map: kernels see it where it is brought up to.
  const onDevice = plan.buffers.flatMap(({ memory }, index) => (memory === "device" ? [index] : []));
  const own = plan.tensors.flatMap(({ aliasOf, buffer }, index) =>
    aliasOf === undefined && onDevice.includes(buffer) ? [index] : [],
  );
  const roots = rootsOf(plan, own);
  const cause = (kind: MemoryKind, name: string): number => lines.indexOf(causesOf(kind, name, settings));
  const tensors = own.flatMap((index) => plan.tensors[index] ?? []);
  const report = reportJson(plan, verification, repairs);
  return {
    title,
    report,
    refusal: refusal && { message: refusal.message, label: refusal.label },
    recipe: { path: source.path, lines: source.text.replace(/\n$/, "").split(/\r?\n/) },
    places: plan.spans.map(({ file, line }) => `${file}:${line}`),
    tensors: tensorColumns(plan, tensors, onDevice, words, cause),
    kernels: kernelsOf(plan, (tensor) => cause(tensor.kind, tensor.name), lines),
    programs: plan.programs.map((program) => programColumns(plan, program, roots, words.names)),
    step: programsOfStep(plan).map((program) => plan.programs.indexOf(program)),
    decisionCauses: plan.decisions.map(({ what }) => lines.indexOf(causesOfDecision(what, settings))),
    causes: lines.list,
    names: words.names.list,
    shapes: words.shapes.list,
    kinds: words.kinds.list,
    types: words.types.list,
    buffers: onDevice.map((buffer) => ({
      name: plan.buffers[buffer]?.name ?? "",
      size: plan.buffers[buffer]?.size ?? 0,
      transient: tensors.some((tensor) => tensor.buffer === buffer && tensor.lifetime !== undefined),
    })),
  };
}

/** Each text once, in the order in which it is first met. */
interface Listing {
  readonly list: string[];
  indexOf(text: string): number;
}

function listing(): Listing {
  const list: string[] = [];
  const known = new Map<string, number>();
  return {
    list,
    indexOf: (text) => {
      const index = known.get(text) ?? list.length;
      if (index === list.length) {
        known.set(text, index);
        list.push(text);
      }
      return index;
    },
  };
}

interface Lines {
  readonly list: number[][];
  /** Of spans in the recipe itself; a default says nothing. */
  indexOf(spans: readonly Span[]): number;
  /** Of several such indices together. */
  union(indices: Iterable<number>): number;
}

function linesIn(source: Source): Lines {
  const recipes = parse(source).file.items.filter((item) => item.kind === "recipe");
  const clauses = recipes.flatMap((recipe) => recipe.clauses);
  const isSaid = ({ start }: Span): boolean =>
    clauses.some(({ span }) => span.start <= start && start < span.end);
  const list: number[][] = [];
  const known = new Map<string, number>();
  const add = (lines: Iterable<number>): number => {
    const sorted = [...new Set(lines)].toSorted((a, b) => a - b);
    const key = sorted.join();
    const index = known.get(key) ?? list.length;
    if (index === list.length) {
      known.set(key, index);
      list.push(sorted);
    }
    return index;
  };
  return {
    list,
    indexOf: (spans) =>
      add(
        spans
          .filter((span) => span.source.path === source.path && isSaid(span))
          .map((span) => positionAt(span.source, span.start).line),
      ),
    union: (indices) => add([...indices].flatMap((index) => list[index] ?? [])),
  };
}

/** For each tensor of the plan, which of those with memory of their own holds its bytes. */
function rootsOf({ tensors }: Plan, own: readonly number[]): readonly number[] {
  const numbers = new Map(own.map((index, at) => [index, at]));
  return tensors.map((_, index) => {
    let root = index;
    for (let next = tensors[root]?.aliasOf; next !== undefined; next = tensors[root]?.aliasOf) root = next;
    return numbers.get(root) ?? -1;
  });
}

/** A layer's number in a name or path: "{i}" for it, so that layers share their names. */
function withoutLayer(text: string): readonly [string, number] {
  const found = /(?<=\.)\d+(?=[./]|$)|(?<=\[)\d+(?=\]$)|(?<= \()\d+(?=\)$)/.exec(text);
  if (found === null) return [text, -1];
  const [number] = found;
  return [
    `${text.slice(0, found.index)}{i}${text.slice(found.index + number.length)}`,
    Number.parseInt(number, 10),
  ];
}

function tensorColumns(
  plan: Plan,
  tensors: readonly PlanTensor[],
  buffers: readonly number[],
  words: Readonly<Record<"names" | "shapes" | "kinds" | "types", Listing>>,
  cause: (kind: MemoryKind, name: string) => number,
): PageTensors {
  const programs = new Map(plan.programs.map(({ name }, index) => [name, index]));
  const named = tensors.map(({ name }) => withoutLayer(name));
  return {
    count: tensors.length,
    name: pack(named.map(([name]) => words.names.indexOf(name))),
    layer: pack(named.map(([, layer]) => layer)),
    kind: pack(tensors.map(({ kind }) => words.kinds.indexOf(kind))),
    type: pack(tensors.map(({ type }) => words.types.indexOf(type))),
    shape: pack(tensors.map(({ shape }) => words.shapes.indexOf(shape.join(" × ")))),
    buffer: pack(tensors.map(({ buffer }) => buffers.indexOf(buffer))),
    offset: pack(tensors.map(({ offset }) => offset)),
    size: pack(tensors.map(({ size }) => size)),
    program: pack(tensors.map(({ lifetime }) => programs.get(lifetime?.program ?? "") ?? -1)),
    first: pack(tensors.map(({ lifetime }) => lifetime?.first ?? -1)),
    last: pack(tensors.map(({ lifetime }) => lifetime?.last ?? -1)),
    cause: pack(tensors.map(({ kind, name }) => cause(kind, name))),
    place: pack(tensors.map(({ span }) => span ?? -1)),
  };
}

/** A kernel answers to what its lasting tensors answer to; one that has none, to what its passing ones do. */
function kernelsOf(plan: Plan, causeOf: (tensor: PlanTensor) => number, lines: Lines): PageKernel[] {
  const lasting = plan.kernels.map(() => new Set<number>());
  const passing = plan.kernels.map(() => new Set<number>());
  for (const { kernel, tensors } of plan.programs.flatMap(({ dispatches }) => dispatches)) {
    for (const index of tensors) {
      const tensor = plan.tensors[index];
      if (tensor === undefined) continue;
      (tensor.lifetime === undefined ? lasting : passing)[kernel]?.add(causeOf(tensor));
    }
  }
  return plan.kernels.map(({ bindings, workgroups, workgroupSize }, at) => {
    const own = lines.union(lasting[at] ?? []);
    const isNone = lines.list[own]?.length === 0;
    return {
      access: bindings.map(({ reads, writes }) => (writes ? (reads ? "x" : "w") : "r")).join(""),
      workgroups,
      workgroupSize,
      cause: isNone ? lines.union(passing[at] ?? []) : own,
    };
  });
}

function programColumns(
  plan: Plan,
  { name, dispatches, peakAt }: PlanProgram,
  roots: readonly number[],
  names: Listing,
): PageProgram {
  const paths = dispatches.map(({ path }) => withoutLayer(path));
  return {
    name,
    perStep: timesPerStep(plan, name),
    peakAt,
    count: dispatches.length,
    kernel: pack(dispatches.map(({ kernel }) => kernel)),
    path: pack(paths.map(([path]) => names.indexOf(path))),
    layer: pack(paths.map(([, layer]) => layer)),
    tensors: pack(dispatches.flatMap(({ tensors }) => tensors.map((tensor) => roots[tensor] ?? -1))),
    distances: pack(distancesOf(plan, dispatches, roots)),
  };
}

interface Written {
  readonly start: number;
  readonly end: number;
  readonly dispatch: number;
}

/** How many dispatches before each binding's the bytes that it reads were last written: slices of a stack are apart. */
function distancesOf(
  { tensors, kernels }: Plan,
  dispatches: PlanProgram["dispatches"],
  roots: readonly number[],
): number[] {
  const written = new Map<number, Map<string, Written>>();
  return dispatches.flatMap(({ kernel, tensors: bound }, dispatch) => {
    const bindings = kernels[kernel]?.bindings ?? [];
    const places = bound.map((index) => {
      const { offset = 0, size = 0 } = tensors[index] ?? {};
      return { root: roots[index] ?? -1, start: offset, end: offset + size, dispatch };
    });
    const distances = places.map(({ root, start, end }, at) => {
      if (bindings[at]?.reads !== true) return 0;
      let last = -1;
      for (const before of written.get(root)?.values() ?? [])
        if (before.start < end && start < before.end && before.dispatch > last) last = before.dispatch;
      return last === -1 ? 0 : dispatch - last;
    });
    for (const [at, { root, ...place }] of places.entries()) {
      if (bindings[at]?.writes !== true) continue;
      const known = written.get(root) ?? new Map<string, Written>();
      known.set(`${place.start} ${place.end}`, place);
      written.set(root, known);
    }
    return distances;
  });
}
