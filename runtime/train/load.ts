// First values: a launched plan's variables are filled from the model's files, an adapter to continue, tables and zeros, then the
// program "initialize" draws the rest. Comes in: a session and opened files. Goes out: a ready session, and what is worth a word.
// Holds: names, shapes and types of all tensors are checked before the first byte is read; a tensor passes through the host in
// chunks, never whole; a file's numbers become the stored type by rounding to nearest, and what that makes infinite is told.
import { sizeOf, type ElementType } from "../../compiler/ir/graph.ts";
import type { PlanVariable } from "../../compiler/plan/plan.ts";
import { convert, countNonFinite, floatBytes, isFloatType, type FloatType } from "../checkpoint/convert.ts";
import { CheckpointError } from "../checkpoint/error.ts";
import type { Checkpoint } from "../checkpoint/folder.ts";
import type { StoredAdapter } from "../checkpoint/peft.ts";
import { readChunks, type SafetensorsFile } from "../checkpoint/safetensors.ts";
import { partCount } from "../launch/extent.ts";
import type { Session } from "../launch/session.ts";
import { checkAdapter, type Continued } from "./adapters.ts";
import { blocksReading, copyBlocks, roundedAgain, type BlocksReading } from "./blocks.ts";
import { copyEncoded, encodedReading, encodingsIn, type EncodedReading } from "./encoded.ts";

export type { Continued } from "./adapters.ts";

export interface Sources {
  /** The model's weights; undefined where the plan reads none. */
  readonly checkpoint: Checkpoint | undefined;
  /** The adapters that the recipe continues, each with its name there. */
  readonly adapters: readonly Continued[];
  readonly seed: number;
}

export interface LoadOptions {
  readonly onLoaded?: (doneBytes: number, totalBytes: number) => void;
  readonly signal?: AbortSignal;
}

export interface Loaded {
  /** Bytes read from files. */
  readonly bytes: number;
  /** One line each: values that are NaN or infinite, settings of an adapter that the recipe overrides. */
  readonly warnings: readonly string[];
}

/** One part of a variable and the tensor that fills it; `program` takes it from there. */
export interface Reading {
  readonly variable: PlanVariable;
  readonly part: number;
  readonly file: SafetensorsFile;
  readonly name: string;
  readonly from: FloatType;
  readonly to: FloatType;
  readonly bytes: number;
  readonly program?: string;
}

const chunkBytes = 4 * 1024 * 1024;

export async function load(session: Session, sources: Sources, options: LoadOptions = {}): Promise<Loaded> {
  const warnings = sources.adapters.flatMap((each) => checkAdapter(each, keysOf(session, each.alias)));
  const readings = plannedReadings(session, sources);
  const held = await heldReadings(session, sources);
  const late = optionalReadings(session, sources);
  if (sources.checkpoint !== undefined) warnings.push(...roundedAgain(session.plan.held, sources.checkpoint));
  const total = [...readings, ...held, ...late].reduce((sum, { bytes }) => sum + bytes, 0);
  let bytes = 0;
  options.onLoaded?.(bytes, total);
  const onChunk = (more: number): void => {
    options.signal?.throwIfAborted();
    bytes += more;
    options.onLoaded?.(bytes, total);
  };
  const readAll = async (planned: readonly Reading[]): Promise<void> => {
    for (const reading of planned) warnings.push(...(await readTensor(session, reading, onChunk)));
  };
  await readAll(readings);
  await writeConstants(session);
  for (const reading of held) {
    if ("copies" in reading) await copyEncoded(session, reading, onChunk);
    else if ("slots" in reading) warnings.push(...(await copyBlocks(session, reading, onChunk)));
    else await readAll([reading]);
  }
  if (session.find("keys") !== undefined) await session.write("keys", Uint32Array.of(sources.seed));
  if (session.plan.programs.some(({ name }) => name === "initialize")) await session.run("initialize");
  // What files may bring takes the place of what was drawn.
  await readAll(late);
  await session.done();
  return { bytes, warnings };
}

/** Gives variables that come from no file their first values: tables and zeros. */
export async function writeConstants(session: Session): Promise<void> {
  for (const { name, initial, parts } of session.plan.variables) {
    if (parts.length === 0) continue;
    if (initial.from === "table")
      await session.write(name, new Uint8Array(Buffer.from(initial.data, "base64")));
    if (initial.from === "zero") session.clear(name);
  }
}

/** Shape of one part. */
export function partShape({ shape, stack }: PlanVariable): readonly number[] {
  return stack ? shape.slice(1) : shape;
}

/** The floating-point type of the files that a stored type corresponds to. */
export function fileType(type: ElementType): FloatType | undefined {
  return type === "f32" ? "F32" : type === "f16" ? "F16" : type === "bf16" ? "BF16" : undefined;
}

function keysOf(session: Session, alias: string): readonly string[] {
  return session.plan.variables.flatMap(({ name, initial }) => {
    if (initial.from === "optional") return initial.names.flatMap(besideAdapter);
    return initial.from === "adapter" && isOf(name, alias) ? initial.names : [];
  });
}

/** The names that a tensor of the model may have in the file of an adapter that it trained with: PEFT wraps a model once or twice. */
export function besideAdapter(name: string): readonly [string, string] {
  return [`base_model.model.${name}`, `base_model.${name}`];
}

/** An adapter's variables are named after it: "lora.model.layers.{i}.…". */
export function isOf(variable: string, alias: string): boolean {
  return variable.startsWith(`${alias}.`);
}

/** What is to be read, in the order of the plan; all that is missing or misshapen is told at once. */
function plannedReadings(session: Session, sources: Sources): Reading[] {
  const readings: Reading[] = [];
  const problems = new Map<string, string[]>();
  for (const variable of session.plan.variables) {
    const { initial, parts } = variable;
    if (parts.length === 0 || (initial.from !== "checkpoint" && initial.from !== "adapter")) continue;
    if (initial.names.length !== partCount(variable))
      throw new RangeError(
        `variable '${variable.name}' has ${partCount(variable)} parts and ${initial.names.length} names`,
      );
    for (const [part, name] of initial.names.entries()) {
      const place = sourceOf(sources, variable, name);
      const found = readingOf(variable, part, name, place.file);
      if (typeof found !== "string") readings.push(found);
      else problems.set(place.path, [...(problems.get(place.path) ?? []), found]);
    }
  }
  for (const [path, found] of problems) {
    const shown = found.slice(0, 5).join("\n  ");
    throw new CheckpointError(path, found.length > 5 ? `${shown}\n  and ${found.length - 5} more` : shown);
  }
  return readings;
}

/** What is held in a format: as numbers, by way of the variable that the tensor's program reads, or encoded or in its blocks already. */
async function heldReadings(
  session: Session,
  sources: Sources,
): Promise<readonly (Reading | EncodedReading | BlocksReading)[]> {
  const { checkpoint } = sources;
  const found: (Reading | EncodedReading | BlocksReading)[] = [];
  const encodings = encodingsIn(checkpoint?.tensors.keys() ?? []);
  for (const held of session.plan.held) {
    const staging = session.find(held.staging);
    if (staging === undefined || checkpoint === undefined)
      throw new RangeError(`nothing was given for '${held.name}'`);
    for (const [part, name] of held.names.entries()) {
      const encoded =
        blocksReading(session, held, part, checkpoint) ??
        (await encodedReading(session, held, part, checkpoint, encodings));
      const file = checkpoint.tensors.get(name)?.file;
      const plain = encoded ?? readingOf({ ...staging, shape: held.shape, stack: false }, 0, name, file);
      if (typeof plain === "string") throw new CheckpointError(file?.path ?? checkpoint.folder, plain);
      found.push(
        "copies" in plain || "slots" in plain ? plain : { ...plain, program: held.programs[part] ?? "" },
      );
    }
  }
  return found;
}

/**
 * Variables that files may bring: an adapter that is continued goes before the model. A file that has one of a variable's tensors
 * must have all, in the right shape.
 */
function optionalReadings(session: Session, { adapters, checkpoint }: Sources): Reading[] {
  const files = adapters.map(({ adapter }) => adapter.weights);
  return session.plan.variables.flatMap((variable) => {
    const { initial, parts } = variable;
    if (initial.from !== "optional" || parts.length === 0) return [];
    const named = [0, 1].flatMap((wrapping) => {
      const names = initial.names.map((name) => besideAdapter(name)[wrapping] ?? name);
      return files.map((file) => ({ file, names }));
    });
    const beside = named.find(({ file, names }) => names.some((name) => file.tensors.has(name)));
    if (beside === undefined && !initial.names.some((name) => checkpoint?.tensors.has(name))) return [];
    return initial.names.map((name, part) => {
      const file = beside?.file ?? checkpoint?.tensors.get(name)?.file;
      const found = readingOf(variable, part, beside?.names[part] ?? name, file);
      if (typeof found !== "string") return found;
      throw new CheckpointError(file?.path ?? checkpoint?.folder ?? "", found);
    });
  });
}

/** Where a tensor should be: the file that holds it, and the place to name when none does. */
function sourceOf(
  { checkpoint, adapters }: Sources,
  variable: PlanVariable,
  name: string,
): { readonly file: SafetensorsFile | undefined; readonly path: string } {
  if (variable.initial.from === "adapter") {
    const own: StoredAdapter | undefined = adapters.find(({ alias }) => isOf(variable.name, alias))?.adapter;
    if (own === undefined) throw new RangeError(`no adapter was given for variable '${variable.name}'`);
    return { file: own.weights, path: own.weights.path };
  }
  if (checkpoint === undefined)
    throw new RangeError(`no checkpoint was given for variable '${variable.name}'`);
  const file = checkpoint.tensors.get(name)?.file;
  const [only, ...others] = checkpoint.files;
  return {
    file,
    path: file?.path ?? (only !== undefined && others.length === 0 ? only.path : checkpoint.folder),
  };
}

/** How a tensor is read into a part of a variable, or why it cannot be. */
export function readingOf(
  variable: PlanVariable,
  part: number,
  name: string,
  file: SafetensorsFile | undefined,
): Reading | string {
  const shape = partShape(variable);
  const expected = `a tensor of shape [${shape.join(", ")}] was expected`;
  const entry = file?.tensors.get(name);
  const quoted = JSON.stringify(name);
  if (file === undefined || entry === undefined) return `it holds no tensor ${quoted}; ${expected}`;
  const kind = isFloatType(entry.dtype) ? undefined : encodingsIn(file.tensors.keys()).get(name);
  if (kind !== undefined)
    return `tensor ${quoted} is stored as ${entry.dtype}; it is encoded: write weights: ${kind}`;
  if (entry.shape.length !== shape.length || entry.shape.some((size, axis) => size !== shape[axis]))
    return `tensor ${quoted} has shape [${entry.shape.join(", ")}]; ${expected}`;
  const to = fileType(variable.type);
  if (!isFloatType(entry.dtype) || to === undefined)
    return `tensor ${quoted} is stored as ${entry.dtype}; weights are read from F32, F16 and BF16`;
  return {
    variable,
    part,
    file,
    name,
    from: entry.dtype,
    to,
    bytes: sizeOf(shape) * floatBytes[entry.dtype],
  };
}

/** Streams one tensor to its place; the result is what to tell of its values. */
export async function readTensor(
  session: Session,
  { variable, part, file, name, from, to, program }: Reading,
  onChunk: (bytes: number) => void,
): Promise<string[]> {
  let notFinite = 0;
  let overflowed = 0;
  for await (const { offset, bytes } of readChunks(file, name, chunkBytes)) {
    const converted = convert(bytes, from, to);
    const before = countNonFinite(bytes, from);
    notFinite += before;
    if (to === "F16" && from !== to) overflowed += countNonFinite(converted, to) - before;
    await session.writePart(variable.name, part, (offset / floatBytes[from]) * floatBytes[to], converted);
    onChunk(bytes.length);
  }
  if (program !== undefined) await session.run(program);
  const of = (count: number): string => `${file.path}: tensor ${JSON.stringify(name)} holds ${count}`;
  return [
    ...(notFinite > 0 ? [`${of(notFinite)} values that are NaN or infinite`] : []),
    ...(overflowed > 0 ? [`${of(overflowed)} values beyond f16, which become infinite`] : []),
  ];
}
