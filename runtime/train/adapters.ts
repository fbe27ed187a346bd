// Whether an adapter on disk is the one that a recipe continues. Comes in: the adapter, what the recipe's own would write as its
// config, and the keys that the plan reads. Goes out: warnings, or a refusal that names the field or the tensors.
// Holds: an adapter that would mean something else here (another method, rank or scaling), or that holds more than is read, is refused.
import { CheckpointError } from "../checkpoint/error.ts";
import type { FieldToWrite, StoredAdapter } from "../checkpoint/peft.ts";
import type { JsonValue } from "../checkpoint/json.ts";

/** An adapter that a recipe starts from. */
export interface Continued {
  /** Its name in the recipe: its variables' names begin with it. */
  readonly alias: string;
  readonly adapter: StoredAdapter;
  /** What the recipe's adapter writes to `adapter_config.json`. */
  readonly fields: ReadonlyMap<string, FieldToWrite>;
  /** Paths of the modules that the recipe's adapter is on. */
  readonly parts: readonly string[];
}

/** These must agree, where one of the two says them: they change what the tensors are. */
const decisive: readonly string[] = ["peft_type", "use_dora", "use_rslora"];

/** Fields that hold for every module but those that a pattern field names: compared module by module. */
const byModule = [
  { name: "r", pattern: "rank_pattern", mustAgree: true },
  { name: "lora_alpha", pattern: "alpha_pattern", mustAgree: false },
] as const;

/** Everything that both say is compared but these: they may change from run to run. */
const free: readonly string[] = [
  "lora_dropout",
  "target_modules",
  "feedforward_modules",
  "base_model_name_or_path",
  "inference_mode",
  "task_type",
  // How tensors began does not matter where they go on.
  "init_lora_weights",
  ...byModule.flatMap(({ name, pattern }) => [name, pattern]),
];

export function checkAdapter(
  { alias, adapter, fields, parts }: Continued,
  keys: readonly string[],
): string[] {
  const { configPath, values, weights } = adapter;
  const warnings: string[] = [];
  for (const name of new Set([...decisive, ...fields.keys()])) {
    const [stored, own] = [values[name], fields.get(name)];
    if (free.includes(name) || same(stored, own)) continue;
    const difference = `field ${JSON.stringify(name)} is ${text(stored)}; adapter '${alias}' of the recipe has ${text(own)}`;
    if (decisive.includes(name)) throw new CheckpointError(configPath, difference);
    if (stored !== undefined) warnings.push(`${configPath}: ${difference}, which is used`);
  }
  const found: Fields = (name) => plain(values[name]);
  const wanted: Fields = (name) => plain(fields.get(name));
  for (const { name, pattern, mustAgree } of byModule) {
    if (wanted(name) === undefined && found(name) === undefined) continue;
    const of = (fields: Fields, path: string): unknown => valueAt(fields, name, pattern, path);
    const part = parts.find((path) => of(found, path) !== of(wanted, path));
    if (part === undefined) continue;
    const [stored, own] = [found, wanted].map((fields) => JSON.stringify(of(fields, part)) ?? "absent");
    const difference = `field ${JSON.stringify(name)} is ${stored} for ${part}; adapter '${alias}' of the recipe has ${own}`;
    if (mustAgree) throw new CheckpointError(configPath, difference);
    warnings.push(`${configPath}: ${difference}, which is used`);
  }
  const expected = new Set(keys);
  const more = [...weights.tensors.keys()].filter((name) => !expected.has(name));
  if (more.length > 0) {
    const named = more.slice(0, 3).map((name) => JSON.stringify(name));
    const rest = more.length > 3 ? ` and ${more.length - 3} more` : "";
    throw new CheckpointError(
      weights.path,
      `it holds ${named.join(", ")}${rest}, which adapter '${alias}' of the recipe does not have; is its 'on' the same?`,
    );
  }
  return warnings;
}

/** A field's value without Python's marks. */
type Fields = (name: string) => unknown;

/** What a field is for one module. A pattern's names are regular expressions for the end of the module's path, as PEFT reads them. */
function valueAt(fields: Fields, name: string, pattern: string, path: string): unknown {
  const named = fields(pattern);
  const entries = typeof named === "object" && named !== null ? Object.entries(named) : [];
  const found = entries.find(([key]) => {
    try {
      return new RegExp(`^(.*\\.)?(${key})$`).test(path);
    } catch {
      return path === key || path.endsWith(`.${key}`);
    }
  });
  return found === undefined ? fields(name) : found[1];
}

/** Absent, null, false and empty mean the same in these files. */
function same(stored: JsonValue | undefined, own: FieldToWrite | undefined): boolean {
  const [a, b] = [plain(stored), plain(own)];
  return (isNothing(a) && isNothing(b)) || JSON.stringify(a) === JSON.stringify(b);
}

function text(value: JsonValue | FieldToWrite | undefined): string {
  return value === undefined ? "absent" : JSON.stringify(plain(value));
}

function isNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function plain(value: JsonValue | FieldToWrite | undefined): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item: JsonValue | FieldToWrite) => plain(item));
  if (value instanceof Map) return Object.fromEntries([...value].map(([name, item]) => [name, plain(item)]));
  return "float" in value && typeof value.float === "number" ? value.float : value;
}
