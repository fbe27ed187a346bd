// The programs that take tensors of the checkpoint into the format they are held in: each reads one variable, into which the host writes
// the file's tensor, and leaves what holds it. In: the variables of the other programs. Out: a program for each tensor, or for each
// stack of them one that stands for all of its parts; and what the host has to know to feed them.
import type { Span } from "../../grammar/source.ts";
import { sizeOf, type HeldTensor, type Program, type Region, type StoredTensor } from "../ir/graph.ts";
import { besideIn } from "./initialize-program.ts";
import { stagingVariable } from "./io.ts";
import type { Declared, Stored } from "./meaning.ts";
import { holderOf, type Traced } from "./programs.ts";
import { casted } from "./tensors.ts";
import { emit, read, traced, type Workspace } from "./workspace.ts";

export interface Encoding {
  readonly programs: readonly Traced[];
  readonly held: readonly HeldTensor[];
}

export const noEncoding: Encoding = { programs: [], held: [] };

/** A tensor in a format, and the variables that hold it: stacks where there is one a layer. */
interface Group {
  readonly whole: Declared;
  readonly tensors: readonly Declared[];
}

export function encodePrograms(ws: Workspace, declared: readonly Declared[], span: Span): Encoding {
  const groups = groupsIn(declared);
  const largest = groups.reduce((most, { whole }) => Math.max(most, sizeOf(whole.shape)), 0);
  const [first] = groups;
  if (first === undefined) return noEncoding;
  // All are as the checkpoint has them, in one type.
  const staging = stagingVariable(largest, first.whole.type, span);
  const regions = new Map<string, Work>();
  const made = groups.map((group) => encode(ws, group, staging, regions, span));
  return { programs: made.map(({ traced }) => traced), held: made.map(({ held }) => held) };
}

function groupsIn(declared: readonly Declared[]): readonly Group[] {
  const seen = new Set<Declared>();
  return declared.flatMap((each): readonly Group[] => {
    const whole = holderOf(each);
    if (whole?.from !== "checkpoint" || seen.has(each)) return [];
    const tensors = besideIn(declared, each);
    for (const tensor of tensors) seen.add(tensor);
    return [{ whole, tensors }];
  });
}

/** What the programs for tensors of one shape do, the same region in all of them, so that it is compiled once. */
interface Work {
  readonly region: Region;
  readonly reads: readonly Declared[];
}

function workOf(ws: Workspace, { shape, held }: Declared, staging: Declared, span: Span): Work {
  const { result, frame } = traced(ws, () => {
    const flat = emit(ws, span, "slice", [read(ws, staging)], { starts: [0], sizes: [sizeOf(shape)] });
    const given = casted(ws, emit(ws, span, "reshape", [flat], { shape }), "f32", span);
    return held?.encode(given) ?? [];
  });
  const reads = [...frame.reads.values()];
  const region = { parameters: reads.map(({ value }) => value), results: result };
  return { region, reads: reads.map(({ declared }) => declared) };
}

function encode(
  ws: Workspace,
  { whole, tensors }: Group,
  staging: Declared,
  regions: Map<string, Work>,
  span: Span,
): { readonly traced: Traced; readonly held: HeldTensor } {
  const { shape, held } = whole;
  const [first] = tensors;
  const parts = first?.parts;
  // The stack's name is that of its first tensor without what the format adds to it.
  const added = (parts?.[0] ?? first)?.shown.slice(whole.shown.length) ?? "";
  const name = first?.name.slice(0, first.name.length - added.length) ?? whole.name;
  const program = `encode ${name}`;
  const work = regions.get(shape.join()) ?? workOf(ws, whole, staging, span);
  regions.set(shape.join(), work);
  const { region, reads } = work;
  const plain: Program = {
    name: program,
    reads: reads.map((each) => each.name),
    writes: tensors.map((each) => each.name),
    region,
  };
  return {
    traced: {
      program: parts === undefined ? plain : { ...plain, parts: parts.length },
      declared: [...reads, ...tensors],
    },
    held: {
      name,
      names: (parts ?? [first]).flatMap((part) => (part?.holds === undefined ? [] : [part.holds.key])),
      shape,
      format: held?.label ?? "",
      staging: staging.name,
      program,
      tensors: tensors.map((tensor) => tensor.name),
      stored: held?.stored === undefined ? undefined : storedOf(held.stored),
      ...(held?.blocks === undefined ? {} : { blocks: held.blocks }),
    },
  };
}

/** Nothing where some tensor is in no file. */
function storedOf({ state, fields, tables, names }: Stored): StoredTensor | undefined {
  const known = names.filter((name) => name !== undefined);
  if (known.length < names.length) return undefined;
  return {
    state,
    fields: [...fields].map(([name, field]) => ({ name, ...field })),
    tables: [...tables].map(([name, table]) => ({ name, variable: table.name })),
    names: known,
  };
}
