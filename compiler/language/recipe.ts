// Checks a recipe and reads it as settings. In: the recipe's tree and the scope of its file. Out: the settings, unless something is wrong;
// all that is wrong, at once; and what it asks for that is not built yet (`planned.ts`), which is no mistake of the recipe.
import { problem, type Diagnostic } from "../../grammar/diagnostic.ts";
import { closest } from "../../grammar/suggest.ts";
import type { Span } from "../../grammar/source.ts";
import type { Clause, Option, Recipe } from "../../grammar/syntax.ts";
import { readClause, type ClauseRule, type OptionRules, type ReadClause, type ReadRecipe } from "./clause.ts";
import { builtinProfiles } from "../profile/named.ts";
import { isProfilePath } from "../profile/read.ts";
import { findDefinition } from "./chosen.ts";
import { weightTypes } from "./clause-forms.ts";
import { clauses, closestNoun, type Noun } from "./clauses.ts";
import { replace, type Report } from "./forms.ts";
import { planned } from "./planned.ts";
import {
  readAdapters,
  readHead,
  readHeld,
  readMethod,
  readOptimizer,
  readSchedule,
} from "./recipe-library.ts";
import { checkpointOf, dataOf, evaluationOf, precisionOf, devicesOf } from "./recipe-values.ts";
import type { Scope } from "./resolve.ts";
import { joined } from "./stages.ts";
import { replaceSettings } from "./set.ts";
import type { Said, Settings, StageSettings, SweepSettings } from "./settings.ts";

export interface CheckedRecipe {
  /** Undefined when there are errors. */
  readonly settings: Settings | undefined;
  /** Mistakes of the recipe. */
  readonly diagnostics: readonly Diagnostic[];
  /** What the recipe asks for that is not built yet: errors for whoever wants to run it, not for whoever checks it. */
  readonly planned: readonly Diagnostic[];
}

export function checkRecipe(recipe: Recipe, scope: Scope): CheckedRecipe {
  const diagnostics: Diagnostic[] = [];
  const settings = readSettings(recipe, scope, (found) => void diagnostics.push(found));
  if (settings === undefined || diagnostics.some((found) => found.severity === "error")) {
    return { settings: undefined, diagnostics, planned: [] };
  }
  return { settings, diagnostics, planned: planned(settings, recipe, scope) };
}

function readSettings(recipe: Recipe, scope: Scope, tell: Report): Settings | undefined {
  const reported: Diagnostic[] = [];
  const report: Report = (found) => {
    reported.push(found);
    tell(found);
  };
  const read: ReadRecipe = { ...sortClauses(recipe, scope, report), reported };
  const { span } = recipe.name;
  const model = read.one(clauses.model);
  const weights = readHeld(model?.options.weights, weightTypes, read);
  const adapters = readAdapters(read);
  const head = readHead(read);
  const precision = precisionOf(read);
  const data = dataOf(read);
  const evaluation = evaluationOf(read, data);
  const batch = read.one(clauses.batch);
  const accumulation = read.one(clauses.accumulation);
  const { checkpoint, keep } = checkpointOf(read);
  const method = readMethod(read);
  const optimizer = readOptimizer(read);
  const schedule = readSchedule(read);
  const training = read.one(clauses.training);
  const output = read.one(clauses.output);
  const memory = read.one(clauses.memory);
  const device = read.one(clauses.device);
  const devices = devicesOf(read);
  const train: Settings["model"]["train"] = model?.options.train ?? {
    value: "none",
    span: model?.clause.span ?? span,
  };
  const every = accumulation?.argument ?? { value: 1, span };

  const architecture = model?.options.architecture;
  if (architecture !== undefined) findDefinition("architecture", architecture, scope, read.path, report);
  const staged = recipe.clauses.some(({ noun }) => noun.text === "stage");
  // In stages, each says what trains in it.
  if (model?.argument !== undefined && !staged)
    somethingTrains(
      train,
      recipe.clauses.some(({ noun }) => noun.text === "adapter"),
      model,
      report,
    );
  if (device?.argument !== undefined) isKnown(device.argument, report);
  if (batch?.argument !== undefined) divides(batch.argument, every, report);
  const sweep = readSweep(read);

  if (
    model?.argument === undefined ||
    data === undefined ||
    batch?.argument === undefined ||
    head === undefined ||
    optimizer === undefined ||
    schedule === undefined ||
    training?.argument === undefined
  ) {
    return undefined;
  }
  const settings: Settings = {
    name: recipe.name.text,
    documentation: recipe.documentation,
    span: recipe.span,
    model: {
      path: model.argument,
      architecture: model.options.architecture,
      weights,
      init: model.options.init,
      train,
      offload: model.options.offload?.value === "host",
    },
    adapters,
    head,
    precision,
    data,
    evaluation,
    batch: batch.argument,
    accumulation: every,
    checkpoint,
    keep,
    method,
    ...optimizer,
    schedule,
    training: training.argument,
    seed: training.options.seed?.value ?? 0,
    output: output?.argument ?? { value: `runs/${recipe.name.text}`, span },
    save: { every: output?.options.save?.value, keep: output?.options.keep?.value ?? 3 },
    memory: memory?.argument,
    device: device?.argument,
    devices,
    sweep,
    stages: [],
  };
  return { ...settings, stages: joined(readStages(read), settings, report) };
}

/** Sorts clauses by noun: unknown nouns, clauses that stand twice and required ones that are missing are reported here. */
function sortClauses(recipe: Recipe, scope: Scope, report: Report): Omit<ReadRecipe, "reported"> {
  const byNoun = new Map<string, Clause[]>();
  for (const clause of recipe.clauses) {
    const noun = clause.noun.text;
    if (noun === "") continue;
    if (!Object.hasOwn(clauses, noun)) unknownClause(clause, report);
    else {
      const before = byNoun.get(noun);
      const [first] = before ?? [];
      if (before === undefined || first === undefined) byNoun.set(noun, [clause]);
      else if ((clauses[noun as Noun] as { readonly repeated?: boolean }).repeated === true)
        before.push(clause);
      else {
        const related = [{ span: first.noun.span, label: "first here" }];
        report(problem("FTL0303", clause.noun.span, `'${noun}' is said twice`, "again here", { related }));
      }
    }
  }
  for (const rule of Object.values<ClauseRule<unknown, OptionRules>>(clauses)) {
    if (rule.required !== true || byNoun.has(rule.noun)) continue;
    const message = `recipe '${recipe.name.text}' has no '${rule.noun}'`;
    report(problem("FTL0304", recipe.name.span, message, `add a line such as: ${rule.example}`));
  }
  const all = <A, O extends OptionRules>(rule: ClauseRule<A, O>): readonly ReadClause<A, O>[] =>
    (byNoun.get(rule.noun) ?? []).map((clause) => readClause(rule, clause, report));
  return { recipe, scope, report, path: recipe.name.span.source.path, all, one: (rule) => all(rule)[0] };
}

function unknownClause(clause: Clause, report: Report): void {
  const guess = closestNoun(clause.noun.text);
  const edits = guess === undefined ? [] : [replace(clause.noun.span, guess)];
  const label = guess === undefined ? "unknown" : `did you mean '${guess}'?`;
  report(problem("FTL0301", clause.noun.span, `there is no clause '${clause.noun.text}'`, label, { edits }));
}

function somethingTrains(
  train: Settings["model"]["train"],
  adapted: boolean,
  model: { readonly clause: Clause; readonly argument: Said<string> | undefined },
  report: Report,
): void {
  if (adapted || !(train.value === "none" || train.value.length === 0)) return;
  const { body, span } = model.clause;
  const after = model.argument?.span ?? span;
  const at = { ...after, start: after.end };
  const edits =
    body === undefined
      ? [{ span: at, text: " { train: all }", label: "train the whole model: { train: all }" }]
      : [];
  const message = "nothing trains: there is no adapter, and the model's own parameters are frozen";
  report(problem("FTL0310", train.span, message, "add an adapter, or train: all", { edits }));
}

/** Files are read when the recipe is planned. */
function isKnown(device: Said<string>, report: Report): void {
  if (builtinProfiles.has(device.value) || isProfilePath(device.value)) return;
  const names = [...builtinProfiles.keys()];
  const guess = closest(device.value, names);
  const edits = guess === undefined ? [] : [replace(device.span, guess)];
  const label = guess === undefined ? `there are ${names.join(", ")}, and files` : `did you mean '${guess}'?`;
  report(problem("FTL0320", device.span, `there is no device profile '${device.value}'`, label, { edits }));
}

function divides(batch: Said<number>, accumulation: Said<number | "auto">, report: Report): void {
  const parts = accumulation.value;
  if (parts === "auto" || batch.value % parts === 0) return;
  let below = Math.min(parts, batch.value);
  while (batch.value % below !== 0) below -= 1;
  const edits = [replace(accumulation.span, String(below))];
  const related = [{ span: batch.span, label: `${batch.value} rows` }];
  const message = `a batch of ${batch.value} rows cannot be split into ${parts} equal parts`;
  report(problem("FTL0311", accumulation.span, message, "must divide the batch", { related, edits }));
}

/** Each value of a sweep is put in place and the recipe checked with it; mistakes are those that the recipe alone does not have. */
function readSweep(read: ReadRecipe): SweepSettings[] {
  const swept = read.one(clauses.sweep);
  return (swept?.rest ?? []).flatMap((entry): SweepSettings[] => {
    const path = entry.path.map((name) => name.text).join(".");
    if (entry.value.kind === "missing") return [];
    if (entry.value.kind !== "list" || entry.value.elements.length === 0) {
      const message = "a sweep takes a list of values";
      read.report(problem("FTL0306", entry.value.span, message, "write them in [ ], separated by commas"));
      return [];
    }
    for (const value of entry.value.elements) checkVariant([{ ...entry, value }], read);
    return [{ path, values: entry.value.elements, span: entry.span }];
  });
}

function readStages(read: ReadRecipe): StageSettings[] {
  return read.all(clauses.stage).flatMap((stage): StageSettings[] => {
    const settings = checkVariant(stage.rest, read);
    if (stage.argument === undefined || settings === undefined) return [];
    return [{ name: stage.argument.value, settings, span: stage.clause.span }];
  });
}

/**
 * The recipe without sweeps and stages and with some settings replaced, checked. What is wrong only with them is reported: where it
 * stands elsewhere in the recipe, with the settings as the other place.
 */
function checkVariant(options: readonly Option[], read: ReadRecipe): Settings | undefined {
  const plain = read.recipe.clauses.filter(({ noun }) => noun.text !== "sweep" && noun.text !== "stage");
  const changed = replaceSettings({ ...read.recipe, clauses: plain }, options);
  for (const found of changed.diagnostics)
    if (!read.reported.some((before) => sameMistake(before, found))) read.report(found);
  if (changed.diagnostics.length > 0) return undefined;
  let good = true;
  const settings = readSettings(changed.recipe, read.scope, (found) => {
    good &&= found.severity !== "error";
    if (read.reported.some((before) => sameMistake(before, found))) return;
    const inside = options.some((entry) => within(found.span, entry.span));
    const related = inside ? [] : options.map((entry) => ({ span: entry.span, label: "with this setting" }));
    read.report({ ...found, related: [...found.related, ...related] });
  });
  return good ? settings : undefined;
}

function within(inner: Span, outer: Span): boolean {
  return inner.source === outer.source && inner.start >= outer.start && inner.end <= outer.end;
}

function sameMistake(a: Diagnostic, b: Diagnostic): boolean {
  return (
    a.code === b.code &&
    a.message === b.message &&
    a.span.source === b.span.source &&
    a.span.start === b.span.start
  );
}
