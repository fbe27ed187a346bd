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
}

/** These must agree, where one of the two says them: they change what the tensors are. */
const decisive: readonly string[] = [
  "peft_type",
  "r",
  "use_dora",
  "use_rslora",
  "alpha_pattern",
  "rank_pattern",
];

/** Everything that both say is compared but these: they may change from run to run. */
const free: readonly string[] = [
  "lora_dropout",
  "target_modules",
  "feedforward_modules",
  "base_model_name_or_path",
  "inference_mode",
  "task_type",
];

export function checkAdapter({ alias, adapter, fields }: Continued, keys: readonly string[]): string[] {
  const { configPath, values, weights } = adapter;
  const warnings: string[] = [];
  for (const name of new Set([...decisive, ...fields.keys()])) {
    const [stored, own] = [values[name], fields.get(name)];
    if (free.includes(name) || same(stored, own)) continue;
    const difference = `field ${JSON.stringify(name)} is ${text(stored)}; adapter '${alias}' of the recipe has ${text(own)}`;
    if (decisive.includes(name)) throw new CheckpointError(configPath, difference);
    if (stored !== undefined) warnings.push(`${configPath}: ${difference}, which is used`);
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
