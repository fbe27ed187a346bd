// What `adapter_config.json` says of a trained adapter: the fields that the adapter's definition names, those that PEFT needs
// beside them, and, for an adapter that was continued, what its file said. Comes in: facts of the adapter and of the model.
// Goes out: fields to write. Holds: PEFT finds with them exactly the modules that were adapted.
import { float, type FieldToWrite } from "../checkpoint/peft.ts";

export interface AdapterShape {
  /** Fields that the definition names, such as r, lora_alpha, peft_type. */
  readonly fields: ReadonlyMap<string, FieldToWrite>;
  /** Paths of the adapted modules, such as "model.layers.0.self_attn.q_proj". */
  readonly parts: readonly string[];
}

/** Numbers that PEFT declares as floats, and Python therefore writes with a point. */
const floats: ReadonlySet<string> = new Set(["lora_dropout"]);

export function adapterFields(
  { fields, parts }: AdapterShape,
  base: string,
  modules: Iterable<string>,
  before: ReadonlyMap<string, FieldToWrite> = new Map(),
): ReadonlyMap<string, FieldToWrite> {
  const common: readonly (readonly [string, FieldToWrite])[] = [
    ["base_model_name_or_path", base],
    ["inference_mode", true],
    ["modules_to_save", null],
  ];
  const all = [...modules];
  const own = [...fields].map(([name, value]): readonly [string, FieldToWrite] => {
    if (arePaths(value, parts)) return [name, targetModules(value, all)];
    return [name, floats.has(name) && typeof value === "number" ? float(value) : value];
  });
  // An adapter of the whole model has no modules; others may name them in a way of their own.
  const targets: readonly (readonly [string, FieldToWrite])[] =
    parts.length === 0 || fields.has("target_modules") ? [] : [["target_modules", targetModules(parts, all)]];
  // A base that the file does not name is the recipe's.
  const stored = [...before].filter(([name, value]) => name !== "base_model_name_or_path" || value !== null);
  return new Map([...common, ...stored, ...own, ...targets]);
}

/** Whether a field lists adapted modules by their paths. */
function arePaths(value: FieldToWrite, parts: readonly string[]): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item: FieldToWrite) => typeof item === "string" && parts.includes(item))
  );
}

/**
 * The last names of the adapted modules where each means no other module of the model (PEFT takes a name for every path that
 * ends in it), else the path. `modules` are the paths of all modules that have a weight; without any, paths are written.
 */
export function targetModules(parts: readonly string[], modules: Iterable<string>): string[] {
  const adapted = new Set(parts);
  const last = (path: string): string => path.slice(path.lastIndexOf(".") + 1);
  const all = [...modules];
  const elsewhere = new Set(all.filter((path) => !adapted.has(path)).map(last));
  const names = parts.map((path) => (all.length === 0 || elsewhere.has(last(path)) ? path : last(path)));
  return [...new Set(names)].sort();
}
