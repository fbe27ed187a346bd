// The front half of the pipeline, where every mistake is the reader's: the recipe and its imports are read and checked, the model's
// config is read, and the library's definitions that both name are found. Out: what elaboration needs, and all that is wrong.
import { problem, type Diagnostic } from "../grammar/diagnostic.ts";
import type { Source } from "../grammar/source.ts";
import type { Definition, Recipe } from "../grammar/syntax.ts";
import type { ElaborationInput } from "./elaborate/elaborate.ts";
import { configRecord } from "./elaborate/config.ts";
import { distinct } from "./diagnostics/distinct.ts";
import { findArchitecture, readConfig } from "./language/config.ts";
import { checkDefinitions } from "./language/names.ts";
import { resolvePath } from "./language/path.ts";
import { checkRecipe } from "./language/recipe.ts";
import { resolve, type Read, type Scope } from "./language/resolve.ts";
import { quantizationOf } from "./language/quantization.ts";
import { misfits } from "./language/learning.ts";
import { tunedSettings, type Tuned } from "./language/purposes.ts";
import { applySetting } from "./language/set.ts";
import type { HeldAs, Settings } from "./language/settings.ts";
import type { DeviceProfile } from "./plan/plan.ts";
import { builtinProfiles } from "./profile/named.ts";
import { readProfile } from "./profile/read.ts";

export interface Front {
  readonly settings: Settings | undefined;
  /** What is elaborated, in order: the recipe, or its stages. Empty where there are mistakes. */
  readonly runs: readonly Run[];
  /** That of the first run. */
  readonly input: ElaborationInput | undefined;
  /** Mistakes, and what is asked for but not built yet. */
  readonly diagnostics: readonly Diagnostic[];
}

/** A recipe without stages is one run without a name. */
export interface Run {
  readonly stage: string | undefined;
  /** The device that the recipe names. */
  readonly profile: DeviceProfile | undefined;
  readonly input: ElaborationInput;
}

/**
 * Changes of the form `path=value`, as `--set` takes them. With `tuned` there is one run, that of the last stage, which begins with
 * what that says.
 */
export function readRecipe(
  source: Source,
  read: Read,
  changes: readonly string[] = [],
  tuned?: Tuned,
): Front {
  const { scope, diagnostics: found } = resolve(source, read);
  const diagnostics = [...found, ...checkDefinitions(scope)];
  const [written, second] = scope.root.recipes;
  if (second !== undefined) {
    diagnostics.push(
      problem("FTL0725", second.name.span, "a file holds one recipe", "the second", {
        related: [{ span: written?.name.span ?? second.span, label: "the first" }],
      }),
    );
  }
  if (written === undefined) {
    diagnostics.push(
      problem(
        "FTL0725",
        { source, start: 0, end: 0 },
        "this file holds no recipe",
        "needs 'recipe NAME { … }'",
      ),
    );
    return { settings: undefined, runs: [], input: undefined, diagnostics };
  }
  let recipe: Recipe = written;
  for (const change of changes) {
    const changed = applySetting(recipe, change);
    diagnostics.push(...changed.diagnostics);
    recipe = changed.recipe;
  }
  const checked = checkRecipe(recipe, scope);
  diagnostics.push(...checked.diagnostics, ...checked.planned);
  const { settings } = checked;
  if (settings === undefined || diagnostics.some(({ severity }) => severity === "error"))
    return { settings, runs: [], input: undefined, diagnostics };
  const whole = [{ name: undefined, settings }];
  const stages = settings.stages.length > 0 ? settings.stages : whole;
  const wanted =
    tuned === undefined
      ? stages
      : stages.slice(-1).map((last) => ({ ...last, settings: tunedSettings(last.settings, tuned) }));
  const gathered = wanted.flatMap((stage): Run[] => {
    const profile = profileOf(stage.settings, source, read, diagnostics);
    const input = gatherInput(stage.settings, scope, source, read, diagnostics);
    return input === undefined ? [] : [{ stage: stage.name, profile, input }];
  });
  const runs = diagnostics.some(({ severity }) => severity === "error") ? [] : gathered;
  return { settings, runs, input: runs[0]?.input, diagnostics: distinct(diagnostics) };
}

/** A name is checked with the recipe. */
function profileOf(
  { device }: Settings,
  source: Source,
  read: Read,
  diagnostics: Diagnostic[],
): DeviceProfile | undefined {
  if (device === undefined) return undefined;
  const builtin = builtinProfiles.get(device.value);
  if (builtin !== undefined) return builtin;
  const path = resolvePath(source.path, device.value);
  const text = read(path);
  const found = text === undefined ? { wrong: "there is no such file" } : readProfile(text);
  if (!("wrong" in found)) return found;
  const label = "a file such as `ftlc devices --save` writes";
  diagnostics.push(problem("FTL0320", device.span, `${path}: ${found.wrong}`, label));
  return undefined;
}

function gatherInput(
  said: Settings,
  scope: Scope,
  source: Source,
  read: Read,
  diagnostics: Diagnostic[],
): ElaborationInput | undefined {
  const from = source.path;
  const path = resolvePath(from, `${said.model.path.value}/config.json`);
  const text = read(path);
  if (text === undefined) {
    diagnostics.push(
      problem(
        "FTL0724",
        said.model.path.span,
        `there is no '${path}'`,
        "the model's folder holds a config.json",
      ),
    );
    return undefined;
  }
  const { config, diagnostics: unread } = readConfig(text, path);
  diagnostics.push(...unread);
  if (config === undefined) return undefined;
  const stored = said.model.weights === undefined ? quantizationOf(config, scope, from) : undefined;
  diagnostics.push(...(stored?.diagnostics ?? []));
  const settings = { ...said, model: { ...said.model, weights: said.model.weights ?? stored?.weights } };
  const { architecture, diagnostics: unknown } = findArchitecture(
    config,
    scope,
    from,
    settings.model.architecture?.value,
  );
  diagnostics.push(...unknown);
  const find = (kind: Definition["what"], name: string): Definition | undefined =>
    scope.lookup(kind, name, from) ?? scope.inLibrary(kind, name);
  const optimizer = find("optimizer", settings.optimizer.name.value);
  const method = settings.method === undefined ? undefined : find("method", settings.method.name.value);
  const schedule = find("schedule", settings.schedule.name.value);
  const task = find("task", settings.head.name.value);
  if (task !== undefined) diagnostics.push(...misfits(settings, task, scope));
  const adapters = settings.adapters.flatMap(({ name }) => find("adapter", name.value) ?? []);
  const format = (said: HeldAs<string> | undefined): Definition | undefined =>
    said?.kind === "format" ? find("format", said.format.name.value) : undefined;
  const formats = { weights: format(settings.model.weights?.value), state: format(settings.state.value) };
  if (architecture === undefined || optimizer === undefined || schedule === undefined || task === undefined)
    return undefined;
  const accumulation = settings.accumulation.value === "auto" ? 1 : settings.accumulation.value;
  return {
    settings,
    library: { lookup: (what, name, span) => scope.lookup(what, name, span.source.path) },
    architecture,
    config: configRecord(config),
    task,
    optimizer,
    method,
    schedule,
    adapters,
    formats,
    rows: settings.batch.value / accumulation,
  };
}
