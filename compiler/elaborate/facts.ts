// What a run and its folders have to know of the tensors that a recipe gives: which are saved and under which names, the fields of
// `adapter_config.json`, how many parameters there are. Comes in: declared tensors and adapters at work. Goes out: plain data.
import { sizeOf } from "../ir/graph.ts";
import type { AdapterUse } from "./adapters.ts";
import type { Declared, Meaning } from "./meaning.ts";
import { holderOf, type Beginnings } from "./programs.ts";
import type { ChosenTask } from "./task.ts";

/** A trained variable and the names its parts have in files, one a part. */
export interface Saved {
  readonly variable: string;
  readonly keys: readonly string[];
}

/** A value of `adapter_config.json`. */
export type Field = number | string | boolean | null | readonly Field[] | ReadonlyMap<string, Field>;

/** Numbers of parameters: all that the model has, and those that train. */
export interface Parameters {
  readonly total: number;
  readonly trainable: number;
}

/** An adapter as its folder describes it. */
export interface AdapterFacts {
  readonly alias: string;
  /** Fields of `adapter_config.json` that the definition names. */
  readonly fields: ReadonlyMap<string, Field>;
  /** Paths of the adapted modules. */
  readonly parts: readonly string[];
  readonly saved: readonly Saved[];
}

function savedAs(declared: Declared): Saved {
  return { variable: declared.name, keys: (declared.parts ?? [declared]).map(({ key }) => key) };
}

/** An adapter's folder holds the adapter, and whole the modules that came with the task and trained with it. */
export function adapterFacts(
  { settings, fields, parts }: AdapterUse,
  trainable: readonly Declared[],
  { peft }: ChosenTask,
  isAdded: (name: string) => boolean,
): AdapterFacts {
  const own = trainable.filter(({ kind, adapter }) => kind === "adapter" && adapter === settings.alias);
  const added = trainable.filter(({ kind, name }) => kind === "weights" && isAdded(name)).map(savedAs);
  const plain = [...peft, ...fields].map(([name, meaning]) => [name, fieldOf(meaning, parts)] as const);
  const tensors = own.map(savedAs);
  // What PEFT keeps in the layers it wraps together with the model; prompts stand beside the model, which then has one name less.
  const wraps = tensors.some(({ keys }) => keys.some((key) => key.startsWith("base_model.")));
  const prefix = wraps ? "base_model.model" : "base_model";
  const beside = added.map(({ variable, keys }) => ({
    variable,
    keys: keys.map((key) => `${prefix}.${key}`),
  }));
  return {
    alias: settings.alias,
    fields: new Map(plain),
    parts,
    saved: [...tensors, ...beside],
  };
}

/** What is saved as a model: what trains, but for what an adapter's folder holds where that is all; everything where it began at random. */
export function modelFacts(
  weights: readonly Declared[],
  inFolder: (name: string) => boolean,
  { randomWeights }: Beginnings,
): readonly Saved[] {
  // Weights that began at random in a format can be drawn again; files know them in other types alone.
  const isWhole = weights.every((each) => holderOf(each) === undefined);
  const saved = weights.filter(
    ({ kind, trainable }) => kind === "weights" && (trainable || (randomWeights && isWhole)),
  );
  return saved.every(({ name }) => inFolder(name)) ? [] : saved.map(savedAs);
}

/** `parts` are the paths that values by part are told for. */
function fieldOf(meaning: Meaning, parts: readonly string[]): Field {
  switch (meaning.kind) {
    case "number":
    case "string":
    case "boolean":
      return meaning.value;
    case "list":
      return meaning.elements.map((element) => fieldOf(element, parts));
    case "record":
      return byName(
        new Map([...meaning.fields].map(([path, value]) => [path, fieldOf(value, parts)])),
        parts,
      );
    default:
      return null;
  }
}

/** Values by part, under the last name of the path where it means no part of another value, as PEFT reads them. */
function byName(values: ReadonlyMap<string, Field>, parts: readonly string[]): ReadonlyMap<string, Field> {
  const last = (path: string): string => path.slice(path.lastIndexOf(".") + 1);
  return new Map(
    [...values].map(([path, value]) => {
      const alike = parts.filter((part) => last(part) === last(path));
      return [alike.every((part) => values.get(part) === value) ? last(path) : path, value];
    }),
  );
}

/** A tensor in a format counts as what it stands for. */
export function countParameters(declared: readonly Declared[]): Parameters {
  const own = declared.filter((each) => holderOf(each) === undefined);
  const held = new Map(
    declared.flatMap((each) =>
      (each.parts ?? [each]).flatMap(({ holds }) =>
        holds === undefined ? [] : [[holds.name, holds] as const],
      ),
    ),
  );
  const sizes = [...own, ...held.values()]
    .filter(({ kind }) => kind === "weights" || kind === "adapter")
    .map((each) => ({ size: sizeOf(each.shape), trains: each.trainable ? trainedSize(each) : 0 }));
  return {
    total: sizes.reduce((total, { size }) => total + size, 0),
    trainable: sizes.reduce((total, { trains }) => total + trains, 0),
  };
}

/** Of a tensor, or a stack, that moves in a part which is the same in every step, only that trains. */
function trainedSize({ shape, parts, moving }: Declared): number {
  if (moving === undefined) return sizeOf(shape);
  const lead = parts === undefined ? 1 : parts.length;
  return shape.slice(shape.length - moving.length).reduce((product, size, axis) => {
    const range = moving[axis];
    const [first = 0, last = size] = [range?.first, range?.last];
    if (typeof first !== "number" || typeof last !== "number") return product * size;
    return product * (last + Number(range?.inclusive === true && range.last !== undefined) - first);
  }, lead);
}
