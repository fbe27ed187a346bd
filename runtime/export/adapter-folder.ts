// A trained adapter as a folder that PEFT reads. Comes in: the compiler's facts and settings, which say where the adapter lies. Goes out: a folder
// in PEFT layout, or of several adapters one of each by its name. Holds: what is written is what the recipe's adapter is, checked
// field by field and tensor by tensor; the folder was not there, or empty.
import { join, resolve } from "node:path";
import type { Settings } from "../../compiler/language/settings.ts";
import { writeAdapter } from "../checkpoint/peft.ts";
import { readChunks } from "../checkpoint/safetensors.ts";
import { checkAdapter } from "../train/adapters.ts";
import type { JobFacts } from "../train/job.ts";
import { openAdapters } from "../train/sources.ts";
import { adapterKeys } from "./merged.ts";
import { needEmpty } from "./model-folder.ts";

export async function writePeft(
  { settings, facts }: { readonly settings: Settings; readonly facts: JobFacts },
  folder: string,
  output: string,
): Promise<{ readonly warnings: readonly string[] }> {
  await needEmpty(output);
  const adapters = await openAdapters({ settings, facts, folder });
  const warnings = adapters.flatMap((each) => checkAdapter(each, adapterKeys(facts, each.alias)));
  for (const { alias, adapter } of adapters) {
    const own = adapters.length === 1 ? output : join(output, alias);
    const { weights, fields } = adapter;
    const tensors = [...weights.tensors].map(([name, { dtype, shape }]) => ({
      name,
      dtype,
      shape,
      data: async function* (): AsyncGenerator<Uint8Array> {
        for await (const { bytes } of readChunks(weights, name, 4 * 1024 * 1024)) yield bytes;
      },
    }));
    await writeAdapter(resolve(own), { tensors, fields });
  }
  return { warnings };
}
