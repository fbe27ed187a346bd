// The files that a plan's first values come from, opened. Comes in: a plan, and what its recipe says of folders. Goes out: the model's
// weights and the adapters to go on from, which `load` reads. Holds: a file that is missing or broken is found before a device works.
import { resolve } from "node:path";
import type { Settings } from "../../compiler/language/settings.ts";
import type { Plan } from "../../compiler/plan/plan.ts";
import { openCheckpoint, readConfig, type Checkpoint } from "../checkpoint/folder.ts";
import { underFullNames } from "../checkpoint/names.ts";
import { openAdapter } from "../checkpoint/peft.ts";
import type { JobFacts } from "./job.ts";
import type { Continued } from "./load.ts";

/** The weights in a model's folder under the names that the plan reads; undefined where it reads none. */
export async function openWeights(
  { variables, held }: Plan,
  folder: string,
): Promise<Checkpoint | undefined> {
  const own = variables.flatMap(({ initial }) =>
    initial.from === "checkpoint" || initial.from === "optional" ? initial.names : [],
  );
  const names = [...own, ...held.flatMap((each) => each.names)];
  return names.length > 0 ? underFullNames(await openCheckpoint(folder), names) : undefined;
}

/** The adapters that have a folder to start from; paths begin at `folder`. */
export async function openAdapters({
  settings,
  facts,
  folder,
}: {
  readonly settings: Pick<Settings, "adapters">;
  readonly facts: Pick<JobFacts, "adapters">;
  readonly folder: string;
}): Promise<readonly Continued[]> {
  const opened: Continued[] = [];
  for (const { alias, start } of settings.adapters) {
    if (start === undefined) continue;
    const own = facts.adapters.find((each) => each.alias === alias);
    const { fields = new Map(), parts = [] } = own ?? {};
    opened.push({ alias, adapter: await openAdapter(resolve(folder, start.value)), fields, parts });
  }
  return opened;
}

/** What stands where no token is: the config's pad_token_id, or 0. */
export async function paddingOf(model: string, vocabulary: number): Promise<number> {
  const pad = (await readConfig(model)).values["pad_token_id"];
  return typeof pad === "number" && pad >= 0 && pad < vocabulary ? pad : 0;
}
