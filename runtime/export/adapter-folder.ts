// A trained adapter as a folder that PEFT reads. Comes in: the compiler's facts and settings, which say where the adapter lies, and ranks.
// Goes out: a folder in PEFT layout; of several ranks one for each, `rank-R`, and of several adapters one of each by its name.
// Holds: what is written is what the recipe's adapter is, checked field by field and tensor by tensor, cut to a rank where it has a range
// of them; the folder was not there, or empty.
import { join } from "node:path";
import type { Settings } from "../../compiler/language/settings.ts";
import { writeAdapter, type AdapterToWrite, type StoredAdapter } from "../checkpoint/peft.ts";
import { cutToRank, rankRange, type RankRange } from "../checkpoint/ranks.ts";
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
  ranks: readonly number[],
): Promise<{ readonly warnings: readonly string[] }> {
  await needEmpty(output);
  const adapters = await openAdapters({ settings, facts, folder });
  const warnings = adapters.flatMap((each) => checkAdapter(each, adapterKeys(facts, each.alias)));
  const several = ranks.length > 1;
  for (const { alias, adapter } of adapters) {
    const range = rankRange(adapter);
    const wanted = ranks.length === 0 ? [undefined] : ranks;
    for (const rank of wanted) {
      const folders = [...(several ? [`rank-${rank}`] : []), ...(adapters.length > 1 ? [alias] : [])];
      const own = range === undefined ? whole(adapter) : cutToRank(adapter, inside(range, rank));
      await writeAdapter(join(output, ...folders), own);
    }
  }
  return { warnings };
}

/** The rank, or as near to it as the range comes; the last where none is wanted. */
function inside({ first, last }: RankRange, rank = last): number {
  return Math.min(last, Math.max(first, rank));
}

function whole({ weights, fields }: StoredAdapter): AdapterToWrite {
  const tensors = [...weights.tensors].map(([name, { dtype, shape }]) => ({
    name,
    dtype,
    shape,
    data: async function* (): AsyncGenerator<Uint8Array> {
      for await (const { bytes } of readChunks(weights, name, 4 * 1024 * 1024)) yield bytes;
    },
  }));
  return { tensors, fields };
}
