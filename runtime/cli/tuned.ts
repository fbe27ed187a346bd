// What `eval`, `generate` and `export` run: what training left in the recipe's output, or what `--adapter` names. Comes in: checked
// settings and the option. Goes out: folders for the compiler and a line that says which. Holds: a folder that is named is there
// and is what it should be, or a Failure says what it lacks.
import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Tuned } from "../../compiler/language/purposes.ts";
import type { AdapterSettings, Settings } from "../../compiler/language/settings.ts";
import { exitCodes, Failure } from "./exit.ts";

export interface Found extends Tuned {
  /** "adapter runs/a/adapter", "the base model alone". */
  readonly what: string;
}

/** `folder`: the recipe's. `adapter`: as the user wrote it, from where the user is. */
export function findTuned(settings: Settings, folder: string, adapter: string | undefined): Found {
  const stages = settings.stages.length > 0 ? settings.stages.map((stage) => stage.settings) : [settings];
  const last = stages.at(-1) ?? settings;
  const nothing = new Map<string, string>();
  if (adapter === "none") return { adapters: nothing, what: "the base model alone" };
  // Stages go on from the weights that the latest before them left.
  const model = stages
    .filter(({ model: { train, init } }) => train.value !== "none" || init !== undefined)
    .map(({ output }) => join(resolve(folder, output.value), "model"))
    .findLast((each) => isFile(join(each, "config.json")));
  if (adapter === undefined) {
    const own = join(resolve(folder, last.output.value), "adapter");
    const adapters = adaptersIn(own, last.adapters);
    const isThere = adapters.size === last.adapters.length;
    const parts = [
      ...(model === undefined ? [] : [`model ${model}`]),
      ...(isThere && adapters.size > 0 ? [`adapter ${own}`] : []),
    ];
    const missing = last.adapters.length > 0 ? `; there is no adapter in ${own}` : "";
    const what = parts.length === 0 ? `the base model alone${missing}` : parts.join(", ");
    return { model, adapters: isThere ? adapters : nothing, what };
  }
  const given = resolve(adapter);
  if (!isFolder(given)) throw new Failure(`${given}: there is no such folder`);
  const adapters = adaptersIn(given, last.adapters);
  if (adapters.size > 0 && adapters.size === last.adapters.length)
    return { model, adapters, what: `adapter ${given}` };
  if (isFile(join(given, "adapter_config.json")) || adapters.size > 0)
    throw new Failure(`${given}: ${misfit(last.adapters, adapters)}`);
  if (isFile(join(given, "config.json"))) return { model: given, adapters: nothing, what: `model ${given}` };
  const several = last.adapters.length > 1 ? `, or one of each of ${aliases(last.adapters)}` : "";
  throw new Failure(
    `${given}: it holds neither an adapter (adapter_config.json) nor a model (config.json)`,
    exitCodes.failed,
    [`name a folder such as training leaves: an adapter in PEFT layout${several}, or a model`],
  );
}

/** The folders of adapters in one: itself, or where there are several one in it by each one's name, as training leaves them. */
function adaptersIn(folder: string, adapters: readonly AdapterSettings[]): ReadonlyMap<string, string> {
  const [only, ...more] = adapters;
  const candidates: readonly (readonly [string, string])[] =
    only !== undefined && more.length === 0
      ? [[only.alias, folder]]
      : adapters.map(({ alias }) => [alias, join(folder, alias)]);
  return new Map(candidates.filter(([, each]) => isFile(join(each, "adapter_config.json"))));
}

function misfit(adapters: readonly AdapterSettings[], found: ReadonlyMap<string, string>): string {
  if (adapters.length === 0) return "it is an adapter, and the recipe has none that could read it";
  const lacking = adapters.filter(({ alias }) => !found.has(alias));
  return `the recipe has the adapters ${aliases(adapters)}; a folder of each is expected here, ${aliases(lacking)} is missing`;
}

function aliases(adapters: readonly AdapterSettings[]): string {
  return adapters.map(({ alias }) => alias).join(", ");
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
