// The words that end a text. Comes in: a model's folder and its tokenizer. Goes out: their numbers: the tokenizer's end, and what the model's
// configs name beside it, as chat models do.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { readJsonFile } from "../checkpoint/fields.ts";
import { objectValue, readConfig } from "../checkpoint/folder.ts";
import type { JsonValue } from "../checkpoint/json.ts";
import type { Tokenizer } from "../data/tokenizer.ts";

export async function endsOf(model: string, tokenizer: Pick<Tokenizer, "end">): Promise<ReadonlySet<number>> {
  const { values } = await readConfig(model);
  const path = join(model, "generation_config.json");
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  const generation = isThere ? objectValue(await readJsonFile(path)) : {};
  const end = tokenizer.end === undefined ? [] : [tokenizer.end];
  return new Set([...end, ...listed(values["eos_token_id"]), ...listed(generation["eos_token_id"])]);
}

function listed(value: JsonValue | undefined): readonly number[] {
  const all = Array.isArray(value) ? value : [value];
  return all.flatMap((each: unknown) => (typeof each === "number" ? [each] : []));
}
